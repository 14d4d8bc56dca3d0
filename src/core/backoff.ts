/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Longest first pause, in milliseconds. @default {100} */
  readonly firstMs?: number;
  /** Longest pause ever, in milliseconds. @default {5000} */
  readonly maxMs?: number;
  /** Source of jitter: a number in [0, 1). @default {Math.random} */
  readonly random?: () => number;
}

/**
 * Exponential back-off with equal jitter: pause n is between half and the whole of
 * `firstMs * 2^n`, never over `maxMs`. One instance serves one run of failures; `reset()` when one
 * attempt succeeded.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: BackoffOptions = {}) {
    this.#firstMs = options.firstMs ?? 100;
    this.#maxMs = options.maxMs ?? 5000;
    this.#random = options.random ?? Math.random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns the pause before the next attempt, in milliseconds. */
  nextMs(): number {
    const ceilingMs = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return Math.round(ceilingMs / 2 + this.#random() * ceilingMs / 2);
  }

  /** Forgets the failures so far. */
  reset(): void {
    this.#failures = 0;
  }
}
