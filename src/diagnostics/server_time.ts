/** How far ahead of our clock an event may be and still be believed, as for the windows of the log. */
const TOLERANCE_MS = 2 * 60 * 60 * 1000;
/** How long the newest event seen stands for the server's clock, while others come. */
const WINDOW_MS = 10 * 60 * 1000;

/** A moment, on both clocks of the machine. */
export interface Moment {
  readonly monotonicMs: number;
  readonly nowMs: number;
}

/**
 * The server's clock, as the events let see it: no server has events of the future, so its clock is
 * at least at the newest one, and goes on from there as our monotonic clock does. What the server
 * itself needs before an event can be read is therefore not seen. Our own wall clock, which may be
 * wrong, is asked only as long as nothing better is known.
 */
export class ServerTime {
  /** Of the server's clock over our monotonic one. */
  #offsetMs: number | undefined;
  #windowOffsetMs = -Infinity;
  #windowStartMs = 0;
  #isKnown = false;

  /** The server's clock is at `timeMs` at least. */
  saw(timeMs: number, { monotonicMs, nowMs }: Moment): void {
    if (timeMs <= 0 || timeMs > nowMs + TOLERANCE_MS) return;
    this.#offsetMs = Math.max(this.#offsetMs ?? -Infinity, timeMs - monotonicMs);
  }

  /** The event was the newest one there is. */
  sawNewest(timeMs: number, moment: Moment): void {
    this.saw(timeMs, moment);
    if (this.#offsetMs === undefined) return;
    this.#isKnown = true;
    const { monotonicMs } = moment;
    this.#windowOffsetMs = Math.max(this.#windowOffsetMs, timeMs - monotonicMs);
    if (monotonicMs - this.#windowStartMs < WINDOW_MS) return;
    // A server's clock that was ahead and was set right must not be believed for ever.
    this.#offsetMs = this.#windowOffsetMs;
    this.#windowOffsetMs = -Infinity;
    this.#windowStartMs = monotonicMs;
  }

  /** The server's clock now. */
  at({ monotonicMs, nowMs }: Moment): number {
    if (this.#offsetMs === undefined) return nowMs;
    const seenMs = this.#offsetMs + monotonicMs;
    return this.#isKnown ? seenMs : Math.max(seenMs, nowMs);
  }
}
