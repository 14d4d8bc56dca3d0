import { setImmediate } from "node:timers";
import type { Clock } from "../../src/core/clock.ts";

/** Something that happens at a time. */
interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * The time of a whole simulated world, which passes only when a test says so. Each machine in it has a
 * clock of its own, with another time of day, and can be stopped as by SIGSTOP: then nothing happens on
 * it, while the time goes on.
 */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #due: Due[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Has something run at a time from now. */
  after(ms: number, run: () => void): () => void {
    const due = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run };
    this.#due.push(due);
    return () => void (this.#due = this.#due.filter((other) => other !== due));
  }

  /** Lets the time pass, and everything happen that is due in it, each at its own moment. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await turn();
    while (true) {
      const next = this.#due.toSorted((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.#nowMs = next.atMs;
      next.run();
      await turn();
    }
    this.#nowMs = endMs;
  }
}

/** A machine whose programs see a {@linkcode VirtualTime}, and can be stopped and woken. */
export class VirtualMachine implements Clock {
  readonly #time: VirtualTime;
  readonly #wallOffsetMs: number;
  #woken: PromiseWithResolvers<void> | undefined;

  constructor(time: VirtualTime, wallOffsetMs: number) {
    this.#time = time;
    this.#wallOffsetMs = wallOffsetMs;
  }

  nowMs(): number {
    return Date.UTC(2026, 0, 1) + this.#time.nowMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return this.#time.nowMs;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const ended = Promise.withResolvers<void>();
    const cancel = this.#time.after(ms, ended.resolve);
    const onAbort = () => {
      cancel();
      ended.reject(signal!.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await ended.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      await this.running();
    }
  }

  /** Resolves at once, or when the machine goes on. */
  async running(): Promise<void> {
    while (this.#woken !== undefined) await this.#woken.promise;
  }

  stop(): void {
    this.#woken ??= Promise.withResolvers();
  }

  wake(): void {
    this.#woken?.resolve();
    this.#woken = undefined;
  }
}

/** Lets everything run that is ready to run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
