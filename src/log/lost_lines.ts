import { formatError } from "../core/fault.ts";
import type { LogLine } from "./log_line.ts";

/**
 * Writes lines to where writing may fail, such as a disk that is full. It never throws: a line that
 * cannot be written is counted, and the count is told ahead of the first line that can be.
 */
export class LostLines {
  readonly #write: (line: LogLine) => void;
  #count = 0;
  #reason = "";

  constructor(write: (line: LogLine) => void) {
    this.#write = write;
  }

  /** Writes a line, or counts it. */
  write(line: LogLine): void {
    try {
      this.#tell();
      this.#write(line);
    } catch (error) {
      this.#count++;
      this.#reason = formatError(error);
    }
  }

  #tell(): void {
    if (this.#count === 0) return;
    this.#write({
      level: "warning",
      message: "Lines of the log were lost, because they could not be written",
      fields: { count: this.#count, reason: this.#reason },
    });
    this.#count = 0;
  }
}
