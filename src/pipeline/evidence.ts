/**
 * What a receiver took of all streams that it takes alike: it shows whether an event that it refuses is
 * at fault itself, or the receiver, which refuses everything.
 */
export class Evidence {
  readonly #maxEnds: number;
  #acceptedCount = 0;
  #ends = 0;

  /**
   * With `maxEnds`, at the ends of so many streams in a row events are taken to be at fault though
   * nothing was accepted since. One keeps streams from waiting for each other for ever; more is for a
   * run that ends by itself, when no others will come. @default {1}
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

  /** Whether what was accepted before will do at the end of a stream; counts it when it does. */
  tryEnd(): boolean {
    if (this.#acceptedCount === 0 || this.#ends === this.#maxEnds) return false;
    this.#ends++;
    return true;
  }
}
