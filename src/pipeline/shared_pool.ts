import { StreamFinder, type StreamFinderOptions } from "./stream_finder.ts";
import type { StreamSharing } from "./ports.ts";
import { StreamPool, type StreamPoolOptions } from "./stream_pool.ts";

/** What a pool takes whose streams may be shared out. */
export interface SharedPoolOptions
  extends
    StreamPoolOptions,
    Pick<StreamFinderOptions, "prefix" | "inTurn" | "observer" | "delayOf"> {
  /** Shares the streams out where several replicas use the store. */
  readonly sharing?: StreamSharing | undefined;
  /** Pause between two looks for streams that others have opened, in milliseconds. @default {2000} */
  readonly lookMs?: number | undefined;
}

/**
 * A pool of the streams that this handler knows of; where several replicas share a store, of its part
 * of those that wait there.
 */
export class SharedPool {
  readonly #pool: StreamPool;
  readonly #finder: StreamFinder | undefined;
  #isDraining = false;

  constructor(options: SharedPoolOptions) {
    const { lookMs = 2000, run, sharing } = options;
    const pool = new StreamPool({
      ...options,
      run: async (streamId, stop) => {
        try {
          return await run(streamId, stop);
        } finally {
          this.#finder?.noteRoom();
        }
      },
    });
    this.#pool = pool;
    this.#finder = sharing && new StreamFinder({ ...options, sharing, pool, pollMs: lookMs });
  }

  /** Whether streams are looked for in the store, so that none has to be added. */
  get isShared(): boolean {
    return this.#finder !== undefined;
  }

  /** As those of the pool. */
  get counts(): StreamPool["counts"] {
    return this.#pool.counts;
  }

  /** Adds a stream, to be run after `delayMs`. */
  add(streamId: string, delayMs?: number): void {
    this.#pool.add(streamId, delayMs);
  }

  /** Looks for streams soon, where they are shared: some were opened. */
  wake(): void {
    this.#finder?.wake();
  }

  /** Lets `run` end once no stream runs or is ready, nor waits in the store for this replica. */
  drain(): void {
    this.#isDraining = true;
    if (this.#finder === undefined) this.#pool.drain();
    else this.#finder.wake();
  }

  /** Runs until stopped or drained. @throws what `run` of the options throws. */
  async run(): Promise<void> {
    const finding = this.#finder?.run(() => this.#isDraining).then(() => this.#pool.drain());
    await Promise.all([finding, this.#pool.run()]);
  }
}
