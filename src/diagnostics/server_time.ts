/** How far ahead of our clock an event may be and still be believed, as for the windows of the log. */
const TOLERANCE_MS = 2 * 60 * 60 * 1000;
/** How long what was seen of the server's clock is believed, once something newer was seen. */
const WINDOW_MS = 10 * 60 * 1000;
/** Our clock is believed unless events are younger or older by more than this. */
const DOUBT_MS = 60_000;

/** A moment, on both clocks of the machine. */
export interface Moment {
  readonly monotonicMs: number;
  readonly nowMs: number;
}

/**
 * The server's clock, which no answer of the server holds, as its events let see it. No server has
 * events of the future, so its clock is at least at the newest one. An event that was not there a
 * moment ago is of this moment, or the server took its time with it. From there on its clock goes as
 * our monotonic one does.
 */
export class ServerTime {
  readonly #pollMs: number;
  /** The clocks' distance: from the newest event of all, and from those that came as they happened. */
  #newestOffsetMs: number | undefined;
  #freshOffsetMs: number | undefined;
  #windowOffsetMs = -Infinity;
  #windowStartMs = 0;
  /** When all that there was had been read, on the monotonic clock. */
  #lookedAtMs = -Infinity;
  #isEndKnown = false;

  /** `pollMs` is the pause between two looks for news. */
  constructor({ pollMs }: { readonly pollMs: number }) {
    this.#pollMs = pollMs;
  }

  /** There is an event of this time. */
  saw(timeMs: number, { monotonicMs, nowMs }: Moment): void {
    if (timeMs <= 0 || timeMs > nowMs + TOLERANCE_MS) return;
    this.#newestOffsetMs = Math.max(this.#newestOffsetMs ?? -Infinity, timeMs - monotonicMs);
  }

  /** There is no event after this time; nothing is new without one. */
  sawEnd(timeMs: number | undefined, moment: Moment): void {
    const { monotonicMs, nowMs } = moment;
    const isFresh = monotonicMs - this.#lookedAtMs < this.#pollMs + DOUBT_MS;
    this.#lookedAtMs = monotonicMs;
    this.#isEndKnown = true;
    if (timeMs === undefined || timeMs > nowMs + TOLERANCE_MS) return;
    this.saw(timeMs, moment);
    if (isFresh && timeMs > 0) this.#sawFresh(timeMs - monotonicMs, monotonicMs);
  }

  /** The newest event, as Teleport says, before the log is read so far. */
  sawNewest(timeMs: number, moment: Moment): void {
    this.saw(timeMs, moment);
    this.#isEndKnown = true;
  }

  /** The server's clock at a moment: ours, unless events prove it wrong. */
  at(moment: Moment): number {
    const { monotonicMs, nowMs } = moment;
    if (this.#freshOffsetMs !== undefined) {
      const seenMs = this.#freshOffsetMs + monotonicMs;
      if (Math.abs(nowMs - seenMs) > DOUBT_MS) return seenMs;
    }
    return Math.max(nowMs, this.#leastMs(monotonicMs) ?? nowMs);
  }

  /** Where the log ends at a moment: what is older than this may be missing. */
  endAt(moment: Moment): number {
    const leastMs = this.#leastMs(moment.monotonicMs);
    return leastMs === undefined || !this.#isEndKnown ? this.at(moment) : leastMs;
  }

  #leastMs(monotonicMs: number): number | undefined {
    return this.#newestOffsetMs === undefined ? undefined : this.#newestOffsetMs + monotonicMs;
  }

  #sawFresh(offsetMs: number, monotonicMs: number): void {
    this.#windowOffsetMs = Math.max(this.#windowOffsetMs, offsetMs);
    this.#freshOffsetMs = Math.max(this.#freshOffsetMs ?? -Infinity, offsetMs);
    if (monotonicMs - this.#windowStartMs < WINDOW_MS) return;
    // A server's clock that was ahead and was set right must not be believed for ever.
    this.#newestOffsetMs = this.#freshOffsetMs = this.#windowOffsetMs;
    this.#windowOffsetMs = -Infinity;
    this.#windowStartMs = monotonicMs;
  }
}
