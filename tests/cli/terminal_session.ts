/** Runs a program at a terminal of its own, made by script(1), and types at it. */
import { Bell } from "../support/bell.ts";

/** Whether this machine can make terminals the way that is known here. */
export const HAS_TERMINALS: boolean = Deno.build.os === "linux";

/** A program that thinks that a person sits before it. */
export class TerminalSession implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #bell = new Bell();
  readonly #reading: Promise<void>;
  #screen = "";
  #seen = 0;

  constructor(command: readonly string[], cwd: string) {
    const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    this.#child = new Deno.Command("script", {
      // A shell that stayed in between would end of Ctrl-C with a code of its own.
      args: ["--quiet", "--return", "--flush", "--command", `exec ${line}`, "/dev/null"],
      cwd,
      // Not the terminal of whoever runs the tests, which may be none or a dumb one.
      env: { NO_COLOR: "1", TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** All that was on the screen so far. */
  get screen(): string {
    return this.#screen;
  }

  /** Waits for a text that comes after what was waited for before. */
  async waitFor(text: string): Promise<void> {
    this.#seen = await this.#bell.waitFor(() => {
      const at = this.#screen.indexOf(text, this.#seen);
      return at === -1 ? undefined : at + text.length;
    }, { what: () => `'${text}' on the terminal; there is:\n${this.#screen}` });
  }

  /** Types at the terminal; `\r` is Enter. */
  async type(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  /** Resolves with the exit code. */
  async end(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#writer.close().catch(() => {});
    await this.end();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.#screen += decoder.decode(bytes, { stream: true });
      this.#bell.ring();
    }
  }
}
