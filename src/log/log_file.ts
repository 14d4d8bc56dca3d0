import { Fault, formatError } from "../core/fault.ts";

/** Lines hold names and addresses, but no secrets: a group such as `adm` may read them. */
const MODE = 0o640;
const encoder = new TextEncoder();

/** A file that lines are added to. It is opened anew when another program has moved it away. */
export class LogFile implements Disposable {
  readonly #path: string;
  #file: Deno.FsFile;
  /** Whether the disk took the beginning of a line and not its end. */
  #isTorn = false;

  /** @throws {Fault} of kind `config` when the file cannot be opened or made. */
  constructor(path: string) {
    this.#path = path;
    this.#file = this.#open();
  }

  /** Adds a line, which ends with a line break. @throws what the disk says. */
  write(line: string): void {
    const bytes = encoder.encode(this.#isTorn ? `\n${line}` : line);
    let written = 0;
    try {
      while (written < bytes.length) written += this.#file.writeSync(bytes.subarray(written));
      this.#isTorn = false;
    } catch (error) {
      if (written > 0) this.#isTorn = bytes[written - 1] !== 10;
      throw error;
    }
  }

  /** Goes on in the file that has the path now. @throws {Fault} when there can be none; the old one stays in use. */
  reopen(): void {
    const file = this.#open();
    this.#file.close();
    this.#file = file;
    this.#isTorn = false;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #open(): Deno.FsFile {
    try {
      return Deno.openSync(this.#path, { append: true, create: true, mode: MODE });
    } catch (error) {
      // The runtime adds what it was doing, which the message says better.
      const reason = formatError(error).replace(/, open '.*'$/, "");
      throw new Fault("config", `The log file cannot be opened: ${reason}`, {
        hint: "Its folder must exist, and this user must be allowed to write there",
        cause: error,
      });
    }
  }
}
