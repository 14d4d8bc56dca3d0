import { Fault } from "../core/fault.ts";
import { writeErr } from "./terminal.ts";

const CTRL_C = "\x03";
const CTRL_D = "\x04";
const CTRL_U = "\x15";
const BACKSPACES = ["\x7f", "\b"];
const ATTEMPTS = 3;

/** What was read from the terminal and not yet asked for. */
let typed = "";

/** Reads a line from the terminal, with echo; empty at the end of input. */
export async function readTerminalLine(): Promise<string> {
  const bytes = new Uint8Array(1024);
  while (!typed.includes("\n")) {
    const count = await Deno.stdin.read(bytes);
    if (count === null) break;
    typed += new TextDecoder().decode(bytes.subarray(0, count));
  }
  const at = typed.indexOf("\n");
  const line = at === -1 ? typed : typed.slice(0, at);
  typed = at === -1 ? "" : typed.slice(at + 1);
  return line;
}

/** Asks for a new passphrase twice, without echo; empty when just Enter is pressed. */
export async function readPassphraseTwice(): Promise<string> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const first = await readHidden("Passphrase for the server key (empty to have one made up): ");
    if (first === "") return "";
    if (await readHidden("The same again: ") === first) return first;
    writeErr("They are not the same\n");
  }
  throw new Fault("usage", "Cannot use the passphrase: it was never typed the same twice", {
    hint: "Run configure again; nothing was changed",
  });
}

/** Reads a line character by character with the echo off. Ctrl-C ends the command. */
async function readHidden(question: string): Promise<string> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(256);
  let text = "";
  // Before the question: nobody may type ahead of the echo's end.
  Deno.stdin.setRaw(true);
  try {
    writeErr(question);
    while (true) {
      const count = await Deno.stdin.read(bytes);
      if (count === null) return text;
      typed += decoder.decode(bytes.subarray(0, count), { stream: true });
      const characters = [...typed];
      typed = "";
      for (const [at, character] of characters.entries()) {
        if (character === CTRL_C) {
          throw new Fault("state", "Interrupted. Nothing was changed");
        } else if (character === "\r" || character === "\n" || character === CTRL_D) {
          typed = characters.slice(at + 1).join("");
          return text;
        } else if (BACKSPACES.includes(character)) {
          text = [...text].slice(0, -1).join("");
        } else if (character === CTRL_U) {
          text = "";
        } else {
          text += character;
        }
      }
    }
  } finally {
    Deno.stdin.setRaw(false);
    writeErr("\n");
  }
}
