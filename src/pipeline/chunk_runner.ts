import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type {
  PipelineObserver,
  PositionStore,
  StreamEnd,
  StreamPosition,
  StreamSharing,
} from "./ports.ts";
import { SharedPool } from "./shared_pool.ts";
import type { WaitingStreams } from "./stream_pool.ts";

/** A chunk and where to begin in it. */
export interface ChunkStart {
  readonly date: string;
  readonly chunk: string;
  readonly position: Position;
}

/** What forwarding chunks takes. */
export interface ChunkRunnerOptions {
  /** Most chunks that are read at once. */
  readonly concurrency: number;
  /** Those of them that wait for others to go on, and hold no place meanwhile. */
  readonly aside?: WaitingStreams | undefined;
  readonly clock: Clock;
  readonly store: PositionStore;
  readonly observer: PipelineObserver;
  /** Forwards one chunk from a position to its end, or until stopped. @throws {Fault} */
  readonly forward: (chunk: ChunkStart, stop: AbortSignal) => Promise<StreamEnd | undefined>;
  /** Told of each chunk that is done. */
  readonly onDone?: (chunk: Omit<ChunkStart, "position">) => void;
  /** How long a chunk may fail and not move before it counts as stalled, in milliseconds. */
  readonly stallMs: number;
  readonly stop: AbortSignal;
  /** Shares the chunks out where several replicas use the store. */
  readonly sharing?: StreamSharing | undefined;
  /** Pause between two looks for chunks that others have listed, in milliseconds. */
  readonly lookMs?: number;
}

/** The stream of a chunk, and the mark that it is done. */
export const CHUNK_PREFIX = "chunk/";
/** Marks of chunks that are done, by date. */
export const DONE_PREFIX = "done/";
/** Where a chunk begins. */
export const CHUNK_START: Position = { version: 1, cursor: "" };

const MAX_CHUNK_PAUSE_MS = 30_000;
/** The same when it is the server that is away, which gives fresh events when it comes back. */
const MAX_AWAY_PAUSE_MS = 5000;

/** A chunk that fails, and since when it has not moved. */
interface ChunkFailure {
  readonly backoff: Backoff;
  readonly position: string;
  /** On the monotonic clock. */
  readonly sinceMs: number;
  /** Of the last try; undefined when our own store was at fault. */
  reason: string | undefined;
  isStalled: boolean;
}

/**
 * Forwards chunks, `concurrency` at a time. One that fails makes room for others, and is tried again
 * after a growing pause. One that is done leaves a mark, in the same write that forgets its position.
 */
export class ChunkRunner {
  readonly #options: ChunkRunnerOptions;
  readonly #pool: SharedPool;
  readonly #failures = new Map<string, ChunkFailure>();

  constructor(options: ChunkRunnerOptions) {
    this.#options = options;
    this.#pool = new SharedPool({
      ...options,
      prefix: CHUNK_PREFIX,
      run: (id, stop) => this.#runIfOurs(id, stop),
      delayOf: () => 0,
    });
  }

  /** Chunks that are known here and not done. */
  get counts(): SharedPool["counts"] {
    return this.#pool.counts;
  }

  /** Why chunks fail of which Teleport has given nothing for so long, or longer. */
  reasonsAfter(ms: number): readonly string[] {
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#failures.values()].flatMap(({ reason, sinceMs }) =>
      reason !== undefined && nowMs - sinceMs >= ms ? [reason] : []
    );
  }

  /** Takes up a chunk. */
  add(date: string, chunk: string): void {
    this.#pool.add(chunkIdOf(date, chunk));
  }

  /** Looks for chunks soon, where they are shared: some were listed. */
  wake(): void {
    this.#pool.wake();
  }

  /** Lets `run` end once no chunk runs or is ready. */
  drain(): void {
    this.#pool.drain();
  }

  /** Runs until stopped or drained. @throws {Fault} */
  async run(): Promise<void> {
    await this.#pool.run();
  }

  async #runIfOurs(streamId: string, stop: AbortSignal): Promise<number | undefined> {
    const { sharing, store } = this.#options;
    try {
      if (sharing === undefined) {
        return await this.#runOnce(streamId, await store.read(streamId), stop);
      }
      // A chunk that fails stays claimed, so that its pauses are kept.
      const claimed = await sharing.claim(streamId, markOf(streamId));
      if (claimed === undefined) return undefined;
      // Who has listed it did not know that another replica was through with it.
      if (claimed.isMarked) return await this.#finish(streamId, []);
      return await this.#runOnce(streamId, claimed.position, stop);
    } catch (error) {
      if (stop.aborted) return undefined;
      if (!(error instanceof Fault)) throw error;
      // Who lists chunks ends when the server has none any more; whoever only reads them waits.
      if (error.kind === "unsupported" && sharing === undefined) throw error;
      if (!error.transient && error.kind !== "state") throw error;
      return await this.#park(streamId, error);
    }
  }

  async #runOnce(
    streamId: string,
    stored: Position | undefined,
    stop: AbortSignal,
  ): Promise<undefined> {
    const [date, chunk] = splitChunkId(streamId);
    const start = { date, chunk, position: stored ?? CHUNK_START };
    const end = await this.#options.forward(start, stop);
    if (end === undefined) return;
    await this.#finish(streamId, end.open);
    end.stored();
  }

  /** Stores that a chunk is done, together with the streams that its end opens. */
  async #finish(streamId: string, open: readonly StreamPosition[]): Promise<undefined> {
    const { onDone, store } = this.#options;
    const [date, chunk] = splitChunkId(streamId);
    await store.commit({ streamId: markOf(streamId), position: {}, open, forget: [streamId] });
    this.#noteMoving(streamId);
    onDone?.({ date, chunk });
  }

  /** The pause grows while a chunk makes no progress, and begins anew when it does. */
  async #park(streamId: string, fault: Fault): Promise<number> {
    const position = await this.#options.store.read(streamId).then(
      (position) => JSON.stringify(position) ?? "",
      formatError,
    );
    const { clock, observer, stallMs } = this.#options;
    const sinceMs = clock.monotonicMs();
    let failure = this.#failures.get(streamId);
    if (failure === undefined || failure.position !== position) {
      this.#noteMoving(streamId);
      const backoff = new Backoff({ firstMs: 1000, maxMs: MAX_CHUNK_PAUSE_MS });
      this.#failures.set(
        streamId,
        failure = { backoff, position, sinceMs, reason: undefined, isStalled: false },
      );
    }
    const maxMs = fault.kind === "unavailable" ? MAX_AWAY_PAUSE_MS : MAX_CHUNK_PAUSE_MS;
    const delayMs = Math.min(failure.backoff.nextMs(), maxMs);
    const attempt = failure.backoff.failures;
    const peer = fault.kind === "state" ? "state" : "source";
    failure.reason = peer === "source" ? fault.text : undefined;
    observer.parked({ streamId, peer, reason: fault.text, attempt, delayMs });
    if (peer === "source" && !failure.isStalled && sinceMs - failure.sinceMs >= stallMs) {
      failure.isStalled = true;
      observer.stalled(
        streamId,
        `${fault.text}. Look into the log of the auth server at that time`,
      );
    }
    return delayMs;
  }

  #noteMoving(streamId: string): void {
    const failure = this.#failures.get(streamId);
    this.#failures.delete(streamId);
    if (!failure?.isStalled) return;
    this.#options.observer.recovered(streamId, "source", failure.backoff.failures);
  }
}

/** Name of the stream of a chunk. */
export function chunkIdOf(date: string, chunk: string): string {
  return `${CHUNK_PREFIX}${date}/${chunk}`;
}

/** The mark that a chunk is done. */
function markOf(streamId: string): string {
  return `${DONE_PREFIX}${streamId.slice(CHUNK_PREFIX.length)}`;
}

/** The opposite of `chunkIdOf`. */
export function splitChunkId(streamId: string): [date: string, chunk: string] {
  const dateEnd = streamId.indexOf("/", CHUNK_PREFIX.length);
  return [streamId.slice(CHUNK_PREFIX.length, dateEnd), streamId.slice(dateEnd + 1)];
}
