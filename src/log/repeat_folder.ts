import type { Clock } from "../core/clock.ts";
import type { LogLine } from "./log_line.ts";

/** For so long at most a count is kept back. */
const LONGEST_SILENCE_MS = 10 * 60 * 1000;

/**
 * Folds warnings and errors that repeat the line before word by word: what comes after the first one
 * is counted. The count is told when another line comes, after ten minutes, and at the end.
 */
export class RepeatFolder implements Disposable {
  readonly #clock: Clock;
  readonly #write: (line: LogLine) => void;
  #last: LogLine | undefined;
  #lastText: string | undefined;
  #repeats = 0;
  #silence: AbortController | undefined;

  constructor(options: { readonly clock: Clock; readonly write: (line: LogLine) => void }) {
    this.#clock = options.clock;
    this.#write = options.write;
  }

  /** Writes a line, or counts it. */
  take(line: LogLine): void {
    const isLoud = line.level === "warning" || line.level === "error";
    const text = isLoud ? JSON.stringify(line) : undefined;
    if (text !== undefined && text === this.#lastText) {
      if (this.#repeats++ === 0) this.#tellAfterSilence();
      return;
    }
    this.#tell();
    this.#last = line;
    this.#lastText = text;
    this.#write(line);
  }

  /** Tells what was counted. */
  [Symbol.dispose](): void {
    this.#tell();
  }

  #tell(): void {
    this.#silence?.abort();
    const [last, count] = [this.#last, this.#repeats];
    this.#repeats = 0;
    if (last === undefined || count === 0) return;
    // A line says more than that it came once more.
    const message = count === 1 ? last.message : `${last.message} … repeated ${count} times`;
    this.#write({ ...last, message });
  }

  #tellAfterSilence(): void {
    this.#silence = new AbortController();
    this.#clock.sleep(LONGEST_SILENCE_MS, this.#silence.signal).then(() => this.#tell(), () => {});
  }
}
