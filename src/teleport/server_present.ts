import type { Clock } from "../core/clock.ts";

/**
 * The server's present, as far as its events show it: no event comes before its time. Our clock may be
 * hours ahead of the server's, and what is counted from it would pass events that are still to come.
 */
export class ServerPresent {
  readonly #clock: Clock;
  /** The server's clock less our monotonic one, at the least. */
  #offsetMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It is now at least as late as this there; -Infinity before the first event. */
  get ms(): number {
    return this.#offsetMs + this.#clock.monotonicMs();
  }

  /** Takes note of events that have come just now. */
  note(events: readonly { readonly timeMs: number }[]): void {
    const nowMs = this.#clock.monotonicMs();
    for (const { timeMs } of events) this.#offsetMs = Math.max(this.#offsetMs, timeMs - nowMs);
  }
}
