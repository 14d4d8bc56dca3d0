/**
 * What a receiver took of all streams that it takes alike: it shows whether an event that it refuses is
 * at fault itself, or the receiver, which refuses everything.
 */
export class Evidence {
  readonly #maxEnds: number;
  #acceptedCount = 0;
  #ends = 0;
  #waitingCount = 0;
  /** Told when one more stream waits. */
  onWaiting: (() => void) | undefined;

  /**
   * With `maxEnds`, at the ends of so many streams in a row events are taken to be at fault though
   * nothing was accepted since. One is for streams that seldom come; more is for a run that ends by
   * itself, when no others will come. @default {1}
   */
  constructor({ maxEnds = 1 }: { readonly maxEnds?: number } = {}) {
    this.#maxEnds = maxEnds;
  }

  /** Requests that it has taken in this run. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** It has taken a request. */
  noteAccepted(): void {
    this.#acceptedCount++;
    this.#ends = 0;
  }

  /** Streams that wait at their ends for others to have something accepted. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Counts a stream among those that wait. */
  async waitAtEnd(wait: () => Promise<void>): Promise<void> {
    this.#waitingCount++;
    this.onWaiting?.();
    try {
      await wait();
    } finally {
      this.#waitingCount--;
    }
  }

  /** Whether what was accepted before will do at the end of a stream; counts it when it does. */
  tryEnd(): boolean {
    if (this.#acceptedCount === 0 || this.#ends === this.#maxEnds) return false;
    this.#ends++;
    return true;
  }
}
