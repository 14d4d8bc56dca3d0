import { systemClock } from "../../src/core/clock.ts";

/** Faults that end by themselves after a while. */
export class Healing {
  readonly #pending = new Set<Promise<void>>();
  readonly #errors: unknown[] = [];

  /** Ends a fault after so many milliseconds. */
  after(ms: number, heal: () => void | Promise<void>): void {
    const healing: Promise<void> = systemClock.sleep(ms).then(heal)
      .catch((error) => void this.#errors.push(error))
      .finally(() => this.#pending.delete(healing));
    this.#pending.add(healing);
  }

  /** Resolves when all have ended. @throws what the first of them failed by. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    if (this.#errors.length > 0) throw this.#errors.shift();
  }
}
