import type { Clock } from "../../src/core/clock.ts";
import { Bell } from "./bell.ts";

/** One sleep that has not ended yet. */
interface Sleep {
  readonly wakeMs: number;
  readonly resolve: () => void;
}

/**
 * A clock that stands still until a test moves it. Sleeps end in the order of their times when
 * `advance` has passed them; wall clock and monotonic clock can be moved apart by `jump`.
 */
export class FakeClock implements Clock {
  readonly #bell = new Bell();
  #monotonicMs = 0;
  #wallMs: number;
  #sleeps: Sleep[] = [];
  /** Lengths of all sleeps asked for so far, in order. */
  readonly sleeps: number[] = [];

  constructor(nowMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallMs = nowMs;
  }

  nowMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.sleeps.push(ms);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        this.#sleeps = this.#sleeps.filter((other) => other !== sleep);
        reject(signal!.reason);
        this.#bell.ring();
      };
      const sleep: Sleep = {
        wakeMs: this.#monotonicMs + Math.max(0, ms),
        resolve: () => {
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#sleeps.push(sleep);
      this.#bell.ring();
    });
  }

  /** How many sleeps are waiting. */
  get sleeping(): number {
    return this.#sleeps.length;
  }

  /** Milliseconds until the next sleep ends; undefined when nobody sleeps. */
  get nextWakeMs(): number | undefined {
    if (this.#sleeps.length === 0) return undefined;
    return Math.min(...this.#sleeps.map((sleep) => sleep.wakeMs)) - this.#monotonicMs;
  }

  /** Resolves when at least `count` sleeps are waiting. */
  async waitForSleepers(count = 1, timeoutMs?: number): Promise<void> {
    await this.#bell.waitFor(() => this.#sleeps.length >= count, {
      what: () => `${count} sleeping; there are ${this.#sleeps.length}`,
      timeoutMs,
    });
  }

  /**
   * Moves both clocks on, ending on the way each sleep at its own moment. What a sleeper does on
   * waking runs before the next one wakes, so that it can sleep again within the same stretch.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const next = this.#sleeps.toSorted((a, b) => a.wakeMs - b.wakeMs)[0];
      if (next === undefined || next.wakeMs > endMs) break;
      this.#sleeps = this.#sleeps.filter((other) => other !== next);
      this.#moveTo(Math.max(next.wakeMs, this.#monotonicMs));
      next.resolve();
      await turnEventLoop();
    }
    this.#moveTo(endMs);
    await turnEventLoop();
  }

  /** Moves the wall clock alone, as when somebody sets the machine's clock. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

/** Lets everything run that is ready to run. */
function turnEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
