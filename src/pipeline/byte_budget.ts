/**
 * The bytes that all streams of a run together may hold between their source and the receiver. It is
 * asked before more is read, never before a stream's only page: so each stream always moves, and what
 * is held is at most the budget and, of each stream, one page and what is being read.
 */
export class ByteBudget {
  readonly #maxBytes: number;
  #held = 0;
  readonly #waiting = new Set<() => void>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether there is room for more. */
  get hasRoom(): boolean {
    return this.#held < this.#maxBytes;
  }

  /** Counts what was read. */
  take(bytes: number): void {
    this.#held += bytes;
  }

  /** Counts what is no longer held, and wakes those who wait when that makes room. */
  giveBack(bytes: number): void {
    this.#held -= bytes;
    if (!this.hasRoom) return;
    for (const wake of this.#waiting) wake();
  }

  /** Calls `wake` each time there may be room, until what it returns is called. */
  onRoom(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}
