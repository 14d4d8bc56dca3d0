/**
 * A closed door that a test opens when it is ready. A fake peer passes through it before it goes on;
 * `reached` tells the test that the peer stands there.
 */
export class Gate {
  readonly #opened = Promise.withResolvers<void>();
  readonly #reached = Promise.withResolvers<void>();

  /** Resolves when somebody has come to the gate. */
  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  /** Lets through everybody who waits and everybody who comes later. */
  open(): void {
    this.#opened.resolve();
  }

  /** Waits until the gate is open, or until `signal` is aborted: then it returns as well. */
  async pass(signal?: AbortSignal): Promise<void> {
    this.#reached.resolve();
    if (signal === undefined) return await this.#opened.promise;
    if (signal.aborted) return;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#opened.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}
