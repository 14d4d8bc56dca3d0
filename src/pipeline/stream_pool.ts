import type { Clock } from "../core/clock.ts";

/** Streams of a pool that run, and wait for others to go on. */
export interface WaitingStreams {
  readonly waitingCount: number;
  /** Set by the pool: told when one more waits. */
  onWaiting: (() => void) | undefined;
}

/** So many streams may wait beside those that go on; each holds a few events. */
const MAX_WAITING = 100;

/** What a pool does with its streams. */
export interface StreamPoolOptions {
  /** Most streams that run at once. */
  readonly concurrency: number;
  /** Counts those of them that wait for others to go on, and hold no place meanwhile. */
  readonly aside?: WaitingStreams | undefined;
  readonly clock: Clock;
  /**
   * Runs a stream once. Resolves with the pause before its next turn, in milliseconds, or undefined
   * when it needs none. What it throws ends the pool; `stop` is aborted then, as when the pool is
   * stopped, so that the others do not hold up the end.
   */
  readonly run: (streamId: string, stop: AbortSignal) => Promise<number | undefined>;
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
  readonly #failed = new AbortController();
  readonly #stop: AbortSignal;
  #ready: string[] = [];
  #parked: Parked[] = [];
  readonly #known = new Set<string>();
  readonly #running = new Set<string>();
  /** Streams that were added while they ran. */
  readonly #again = new Set<string>();
  #wake: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;
  #draining = false;

  constructor(options: StreamPoolOptions) {
    this.#options = options;
    this.#stop = AbortSignal.any([options.stop, this.#failed.signal]);
    if (options.aside !== undefined) options.aside.onWaiting = () => this.#wake?.();
  }

  /** Streams that wait for a place, those that run, and those that wait for their time. */
  get counts(): { readonly ready: number; readonly running: number; readonly parked: number } {
    return { ready: this.#ready.length, running: this.#running.size, parked: this.#parked.length };
  }

  /** Whether a stream is in the pool. */
  has(streamId: string): boolean {
    return this.#known.has(streamId);
  }

  /**
   * Adds a stream, to be run after `delayMs`. One that waits in the pool already stays as it is; one
   * that runs has another turn, because it may not have seen what it is added for.
   */
  add(streamId: string, delayMs = 0): void {
    if (this.#running.has(streamId)) this.#again.add(streamId);
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
    const stop = this.#stop;
    const onStop = () => this.#wake?.();
    stop.addEventListener("abort", onStop);
    try {
      while (!stop.aborted) {
        this.#takeDue();
        while (this.#ready.length > 0 && this.#running.size < this.#places) {
          this.#start();
        }
        if (this.#draining && this.#running.size === 0 && this.#ready.length === 0) break;
        await this.#waitForChange();
      }
      while (this.#running.size > 0) await new Promise<void>((resolve) => this.#wake = resolve);
    } finally {
      stop.removeEventListener("abort", onStop);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  get #places(): number {
    const { aside, concurrency } = this.#options;
    return concurrency + Math.min(aside?.waitingCount ?? 0, MAX_WAITING);
  }

  #start(): void {
    const streamId = this.#ready.shift()!;
    this.#running.add(streamId);
    this.#options.run(streamId, this.#stop).then(
      (delayMs) => this.#end(streamId, delayMs),
      (error) => {
        this.#failure ??= { error };
        this.#end(streamId, undefined);
        this.#failed.abort();
      },
    );
  }

  #end(streamId: string, delayMs: number | undefined): void {
    this.#running.delete(streamId);
    const isAsked = this.#again.delete(streamId);
    if (delayMs !== undefined) this.#enqueue(streamId, delayMs);
    else if (isAsked) this.#enqueue(streamId, 0);
    else this.#known.delete(streamId);
    this.#wake?.();
  }

  #enqueue(streamId: string, delayMs: number): void {
    if (delayMs <= 0) {
      this.#ready.push(streamId);
    } else {
      const dueMs = this.#options.clock.monotonicMs() + delayMs;
      this.#parked.splice(this.#countDueBy(dueMs), 0, { streamId, dueMs });
    }
    this.#wake?.();
  }

  /** How many of the parked streams, which are in the order of their times, are due by a time. */
  #countDueBy(dueMs: number): number {
    let [low, high] = [0, this.#parked.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#parked[middle]!.dueMs <= dueMs) low = middle + 1;
      else high = middle;
    }
    return low;
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
    changed.abort("over");
  }
}
