const MINUTE_MS = 60_000;
const MINUTES = 60;

/** How many of something there were in each of the last 60 minutes, on the monotonic clock. */
export class MinuteCounts {
  readonly #counts: number[] = Array(MINUTES).fill(0);
  #minute = 0;

  add(count: number, monotonicMs: number): void {
    this.#moveTo(monotonicMs);
    this.#counts[this.#minute % MINUTES]! += count;
  }

  /** Oldest first; the last one is the minute under way. */
  list(monotonicMs: number): number[] {
    this.#moveTo(monotonicMs);
    const first = (this.#minute + 1) % MINUTES;
    return [...this.#counts.slice(first), ...this.#counts.slice(0, first)];
  }

  #moveTo(monotonicMs: number): void {
    const minute = Math.floor(monotonicMs / MINUTE_MS);
    if (minute - this.#minute >= MINUTES) this.#counts.fill(0);
    else while (this.#minute < minute) this.#counts[++this.#minute % MINUTES] = 0;
    this.#minute = Math.max(this.#minute, minute);
  }
}
