import type { Clock } from "../core/clock.ts";

/** What a pool does with its streams. */
export interface StreamPoolOptions {
  /** Most streams that run at once. */
  readonly concurrency: number;
  readonly clock: Clock;
  /**
   * Runs a stream once. Resolves with the pause before its next turn, in milliseconds, or undefined
   * when it needs none. What it throws ends the pool.
   */
  readonly run: (streamId: string) => Promise<number | undefined>;
  readonly stop: AbortSignal;
}

/** A stream that waits for its time. */
interface Parked {
  readonly streamId: string;
  /** On the monotonic clock. */
  readonly dueMs: number;
}

/**
 * Runs many streams, a few at a time, the longest waiting first. A stream that has to pause gives up
 * its place, so that none holds up another. One that waits is an id in a list and nothing more.
 */
export class StreamPool {
  readonly #options: StreamPoolOptions;
  #ready: string[] = [];
  #parked: Parked[] = [];
  readonly #known = new Set<string>();
  #running = 0;
  #wake: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;
  #draining = false;

  constructor(options: StreamPoolOptions) {
    this.#options = options;
  }

  /** Streams that wait for a place, those that run, and those that wait for their time. */
  get counts(): { readonly ready: number; readonly running: number; readonly parked: number } {
    return { ready: this.#ready.length, running: this.#running, parked: this.#parked.length };
  }

  /** Adds a stream, to be run after `delayMs`. One that is in the pool already stays as it is. */
  add(streamId: string, delayMs = 0): void {
    if (this.#known.has(streamId)) return;
    this.#known.add(streamId);
    this.#enqueue(streamId, delayMs);
  }

  /** Lets `run` end once no stream runs or is ready; parked ones are not waited for. */
  drain(): void {
    this.#draining = true;
    this.#wake?.();
  }

  /** Runs streams until the pool is stopped or drained. @throws what running a stream threw. */
  async run(): Promise<void> {
    const { stop } = this.#options;
    const onStop = () => this.#wake?.();
    stop.addEventListener("abort", onStop);
    try {
      while (this.#failure === undefined && !stop.aborted) {
        this.#takeDue();
        while (this.#ready.length > 0 && this.#running < this.#options.concurrency) this.#start();
        if (this.#draining && this.#running === 0 && this.#ready.length === 0) break;
        await this.#waitForChange();
      }
      while (this.#running > 0) await new Promise<void>((resolve) => this.#wake = resolve);
    } finally {
      stop.removeEventListener("abort", onStop);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #start(): void {
    const streamId = this.#ready.shift()!;
    this.#running++;
    this.#options.run(streamId).then(
      (delayMs) => {
        if (delayMs === undefined) this.#known.delete(streamId);
        else this.#enqueue(streamId, delayMs);
      },
      (error) => this.#failure ??= { error },
    ).finally(() => {
      this.#running--;
      this.#wake?.();
    });
  }

  #enqueue(streamId: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.#ready.push(streamId);
    } else {
      const dueMs = this.#options.clock.monotonicMs() + delayMs;
      const index = this.#parked.findIndex((parked) => parked.dueMs > dueMs);
      this.#parked.splice(index === -1 ? this.#parked.length : index, 0, { streamId, dueMs });
    }
    this.#wake?.();
  }

  #takeDue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    while (this.#parked.length > 0 && this.#parked[0]!.dueMs <= nowMs) {
      this.#ready.push(this.#parked.shift()!.streamId);
    }
  }

  /** Waits until a stream is added or done, or the next parked one is due. */
  async #waitForChange(): Promise<void> {
    const { clock } = this.#options;
    const changed = new AbortController();
    const change = new Promise<void>((resolve) => this.#wake = resolve);
    const next = this.#parked[0];
    const due = next === undefined
      ? change
      : clock.sleep(Math.max(0, next.dueMs - clock.monotonicMs()), changed.signal).catch(() => {});
    await Promise.race([change, due]);
    changed.abort();
  }
}
