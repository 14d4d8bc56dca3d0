import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { SetupDialogue } from "../setup/configure.ts";
import { readPassphraseTwice, readTerminalLine } from "./terminal_input.ts";
import { writeErr } from "./terminal.ts";

/** Longest passphrase that is taken from standard input, in bytes. */
const MAX_BYTES = 4096;
/** openssl refuses shorter ones. */
const MIN_LENGTH = 4;
/** After this time without an end of standard input, we say what we wait for. */
const PATIENCE_MS = 3000;

/**
 * Talks to whoever runs the command: questions at a terminal only; the passphrase without echo at a
 * terminal, else from standard input to its end.
 */
export function createDialogue(clock: Clock): SetupDialogue {
  const isTerminal = Deno.stdin.isTerminal();
  return {
    confirm: isTerminal ? confirm : undefined,
    async readPassphrase() {
      const text = isTerminal ? await readPassphraseTwice() : await readStandardInput(clock);
      return text === "" ? undefined : checkPassphrase(text);
    },
  };
}

async function confirm(question: string): Promise<boolean> {
  writeErr(`${question} [y/N] `);
  return /^(y|yes)$/i.test((await readTerminalLine()).trim());
}

/** Reads all of standard input without the line end after it; nothing where it is closed. */
async function readStandardInput(clock: Clock): Promise<string> {
  const done = new AbortController();
  clock.sleep(PATIENCE_MS, done.signal).then(() => {
    writeErr("Reading the passphrase of the server key from standard input, until it ends\n");
  }, () => {});
  try {
    const bytes = new Uint8Array(MAX_BYTES + 1);
    let length = 0;
    while (length < bytes.length) {
      const count = await Deno.stdin.read(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
    if (length > MAX_BYTES) throw refuse(`is longer than ${MAX_BYTES} bytes`);
    return decode(bytes.subarray(0, length)).replace(/\r?\n$/, "");
  } finally {
    done.abort();
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw refuse("is not UTF-8");
  }
}

function checkPassphrase(text: string): string {
  if (/\p{Cc}/u.test(text)) throw refuse("has more than one line, or holds a control character");
  if (text.length < MIN_LENGTH) throw refuse(`is shorter than ${MIN_LENGTH} characters`);
  return text;
}

function refuse(reason: string): Fault {
  return new Fault("usage", `Cannot use the passphrase on standard input: it ${reason}`, {
    hint: "Give one line of text, or < /dev/null to have one made up",
  });
}
