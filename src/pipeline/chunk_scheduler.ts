import type { Clock } from "../core/clock.ts";
import { Backoff } from "../core/backoff.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import { addDays, toUtcDate } from "../core/utc_date.ts";
import type { PipelineObserver, PositionStore } from "./ports.ts";
import { StreamPool } from "./stream_pool.ts";
import { waitForStore } from "./wait_for_store.ts";

/** What a bulk export needs. */
export interface ChunkSchedulerOptions {
  /** Most chunks that are read at once, across dates. */
  readonly concurrency: number;
  /** Pause between two listings of the current dates, in milliseconds; up to a seventh more or less. */
  readonly pollMs: number;
  readonly clock: Clock;
  readonly store: PositionStore;
  readonly observer: PipelineObserver;
  /** Chunks of a UTC date as the server knows them now. @throws {Fault} */
  readonly list: (date: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Forwards one chunk from a position to its end, or until stopped. @throws {Fault} */
  readonly forward: (chunk: ChunkStart, stop: AbortSignal) => Promise<void>;
  /** Told that all dates before this one are done, and when everything there was is done. */
  readonly onProgress: (progress: { date: string; idleAtMs: number | undefined }) => Promise<void>;
  /** How long a chunk may fail and not move before it counts as stalled, in milliseconds. */
  readonly stallMs: number;
  /** End once everything that the server has was forwarded. */
  readonly endWhenCaughtUp: boolean;
  readonly stop: AbortSignal;
  /** Source of jitter: a number in [0, 1). @default {Math.random} */
  readonly random?: () => number;
}

/** A chunk and where to begin in it. */
export interface ChunkStart {
  readonly date: string;
  readonly chunk: string;
  readonly position: Position;
}

/** The stream of a chunk, and the mark that it is done. */
const CHUNK_PREFIX = "chunk/";
const DONE_PREFIX = "done/";
/** Dates before today that may still get chunks, as in the Go handler. */
const LATE_DAYS = 2;
const MAX_CHUNK_PAUSE_MS = 30_000;
/** Tries without progress, some two minutes, after which a run that is to end does not wait longer. */
const FAILURES_BEFORE_END = 8;
/** Longest name of a chunk: it is part of a key in the store. */
const MAX_CHUNK_NAME = 512;

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

/** What is known of one date. */
interface DateProgress {
  /** Chunks that are done, or on their way. */
  readonly seen: Set<string>;
  pending: number;
  /** It was listed when no more chunks of it were to come. */
  isFinal: boolean;
}

/** How far the listing of dates got. */
interface ListProgress {
  /** First date that may still change or is not done. */
  watched: string;
  /** What `onProgress` was told of it. */
  told: string;
  /** Next date to list. */
  next: string;
}

/**
 * Forwards the chunks of a bulk export: dates in order, `concurrency` chunks at a time across dates.
 * Past dates are listed as soon as there is room; today and the days before it are listed again and
 * again, because chunks appear late. A chunk that fails makes room for others.
 */
export class ChunkScheduler {
  readonly #options: ChunkSchedulerOptions;
  readonly #pool: StreamPool;
  readonly #dates = new Map<string, DateProgress>();
  readonly #failures = new Map<string, ChunkFailure>();
  readonly #ended = new AbortController();
  #isLive = false;

  constructor(options: ChunkSchedulerOptions) {
    // The end of one part is the end of all.
    const stop = AbortSignal.any([options.stop, this.#ended.signal]);
    this.#options = { ...options, stop };
    const { clock, concurrency } = options;
    const run = (id: string, stop: AbortSignal) => this.#runChunk(id, stop);
    this.#pool = new StreamPool({ clock, concurrency, stop, run });
  }

  /** Known chunks that are not done. */
  get counts(): StreamPool["counts"] {
    return this.#pool.counts;
  }

  /** Whether everything there was is forwarded, so that what comes now is news. */
  get isLive(): boolean {
    return this.#isLive;
  }

  /**
   * Runs from the given date on until stopped or, where asked for, caught up.
   *
   * @throws {Fault} of kind `unsupported` when the server has no bulk export any more.
   */
  async run(firstDate: string): Promise<void> {
    const parts = [
      this.#listDates(firstDate).then(() => this.#pool.drain()),
      this.#pool.run(),
    ];
    try {
      await Promise.all(parts);
    } finally {
      this.#ended.abort();
      await Promise.allSettled(parts);
    }
  }

  async #listDates(firstDate: string): Promise<void> {
    const { clock, endWhenCaughtUp, stop } = this.#options;
    const progress = { watched: firstDate, told: firstDate, next: firstDate };
    await this.#dropOldMarks(firstDate);
    while (!stop.aborted) {
      const isIdle = await this.#useStore(() => this.#listNext(progress));
      if (isIdle && endWhenCaughtUp) return;
      if (endWhenCaughtUp) this.#refuseToWaitForEver();
      await this.#pause(progress.next < toUtcDate(clock.nowMs()));
    }
  }

  /** Lists what is due now and moves past what is done; whether nothing is left to do. */
  async #listNext(progress: ListProgress): Promise<boolean> {
    const { clock, observer, stop } = this.#options;
    const startMs = clock.nowMs();
    const today = toUtcDate(startMs);
    let found = 0;
    while (progress.next < today && this.#hasRoom() && !stop.aborted) {
      await this.#listDate(progress.next);
      progress.next = addDays(progress.next, 1);
    }
    const isCurrent = progress.next >= today;
    if (isCurrent) {
      progress.next = today;
      found = await this.#listCurrent(progress.watched, today);
    }
    while (progress.watched < progress.next && await this.#isOver(progress.watched)) {
      progress.watched = addDays(progress.watched, 1);
    }
    if (stop.aborted) return false;
    const isIdle = isCurrent && found === 0 && this.#countPending() === 0;
    if (isIdle) observer.caughtUp("bulk");
    this.#isLive ||= isIdle;
    await this.#settle(progress, isIdle ? startMs : undefined);
    return isIdle;
  }

  /** Marks of dates that are done with, which a crash left behind. */
  async #dropOldMarks(firstDate: string): Promise<void> {
    const { store } = this.#options;
    await this.#useStore(async () => {
      const old: string[] = [];
      for await (const { streamId } of store.list(DONE_PREFIX)) {
        if (streamId.slice(DONE_PREFIX.length) < firstDate) old.push(streamId);
      }
      await store.forget(old);
    });
  }

  #useStore<T>(use: () => Promise<T>): Promise<T | undefined> {
    return waitForStore(use, { ...this.#options, streamId: "bulk" });
  }

  /** @throws {Fault} when nothing is left but chunks that Teleport fails to give again and again. */
  #refuseToWaitForEver(): void {
    const failures = [...this.#failures.values()].filter(({ backoff, reason }) =>
      reason !== undefined && backoff.failures >= FAILURES_BEFORE_END
    );
    if (failures.length === 0 || failures.length < this.#countPending()) return;
    const { reason } = failures[0]!;
    throw new Fault("protocol", `Cannot export the last ${failures.length} chunks: ${reason}`, {
      hint: "What came before is forwarded; start again to go on",
    });
  }

  #hasRoom(): boolean {
    return this.#pool.counts.ready < 2 * this.#options.concurrency;
  }

  #countPending(): number {
    return this.#dates.values().reduce((sum, { pending }) => sum + pending, 0);
  }

  /** Lists today and the dates that may still change, and returns how many chunks were new. */
  async #listCurrent(watched: string, today: string): Promise<number> {
    let found = 0;
    for (let date = addDays(today, -LATE_DAYS); date <= today; date = addDays(date, 1)) {
      if (date >= watched) found += await this.#listDate(date);
    }
    return found;
  }

  /** Whether a date is done and cannot change any more, which takes a listing after its last day. */
  async #isOver(date: string): Promise<boolean> {
    if (!this.#isPast(date)) return false;
    const before = this.#dates.get(date);
    if (before !== undefined && before.pending > 0) return false;
    if (before === undefined || !before.isFinal) await this.#listDate(date);
    return this.#dates.get(date)!.pending === 0 && !this.#options.stop.aborted;
  }

  /** Whether no more chunks of a date are to come. */
  #isPast(date: string): boolean {
    return date < addDays(toUtcDate(this.#options.clock.nowMs()), -LATE_DAYS);
  }

  /** Puts the new chunks of a date into the pool and returns how many there were. */
  async #listDate(date: string): Promise<number> {
    const progress = await this.#progressOf(date);
    const isFinal = this.#isPast(date);
    let found = 0;
    for (const chunk of await this.#listUntilAnswered(date)) {
      if (progress.seen.has(chunk)) continue;
      progress.seen.add(chunk);
      if (chunk.length > MAX_CHUNK_NAME) {
        this.#options.observer.abandoned(
          `${CHUNK_PREFIX}${date}/…`,
          "Name of the chunk is too long",
        );
        continue;
      }
      progress.pending++;
      found++;
      this.#pool.add(`${CHUNK_PREFIX}${date}/${chunk}`);
    }
    progress.isFinal = isFinal;
    return found;
  }

  async #progressOf(date: string): Promise<DateProgress> {
    let progress = this.#dates.get(date);
    if (progress === undefined) {
      progress = { seen: new Set(), pending: 0, isFinal: false };
      const prefix = `${DONE_PREFIX}${date}/`;
      for await (const { streamId } of this.#options.store.list(prefix)) {
        progress.seen.add(streamId.slice(prefix.length));
      }
      this.#dates.set(date, progress);
    }
    return progress;
  }

  async #listUntilAnswered(date: string): Promise<readonly string[]> {
    const { clock, list, observer, stop } = this.#options;
    const backoff = new Backoff({ firstMs: 500 });
    while (true) {
      try {
        const chunks = await list(date, stop);
        if (backoff.failures > 0) observer.recovered("bulk", "source", backoff.failures);
        return chunks;
      } catch (error) {
        if (stop.aborted) return [];
        if (!(error instanceof Fault) || !error.transient || error.kind === "unsupported") {
          throw error;
        }
        // A date without chunks is told as "not found" by some servers.
        if (error.kind === "missing") return [];
        const delayMs = backoff.nextMs();
        observer.retrying({
          streamId: "bulk",
          peer: "source",
          attempt: backoff.failures,
          reason: error.text,
          delayMs,
          lasting: error.kind === "denied",
        });
        await clock.sleep(delayMs, stop).catch(() => {});
      }
    }
  }

  /** Tells how far everything is done, and drops what was known of the dates before. */
  async #settle(progress: ListProgress, idleAtMs: number | undefined): Promise<void> {
    const { onProgress, store } = this.#options;
    const { watched } = progress;
    if (watched !== progress.told || idleAtMs !== undefined) {
      await onProgress({ date: watched, idleAtMs });
      progress.told = watched;
    }
    for (const [date, { seen }] of this.#dates) {
      if (date >= watched) continue;
      const done = [...seen].filter((chunk) => chunk.length <= MAX_CHUNK_NAME);
      await store.forget(done.map((chunk) => `${DONE_PREFIX}${date}/${chunk}`));
      this.#dates.delete(date);
    }
  }

  /** Waits for the time of the next listing, or until the end of the backlog may be reached. */
  async #pause(isCatchingUp: boolean): Promise<void> {
    const { clock, pollMs, random, stop } = this.#options;
    const jitter = 1 + ((random ?? Math.random)() - 0.5) * 2 / 7;
    // While going back through the past it is the pool that has to make room.
    let leftMs = isCatchingUp ? 50 : pollMs * jitter;
    while (leftMs > 0 && !stop.aborted) {
      const stepMs = this.#isLive ? leftMs : Math.min(leftMs, 1000);
      await clock.sleep(stepMs, stop).catch(() => {});
      if (this.#isEndNear()) return;
      leftMs -= stepMs;
    }
  }

  /** Whether the backlog is nearly done: neither are many chunks left, nor only such as fail. */
  #isEndNear(): boolean {
    const { parked, ready, running } = this.#pool.counts;
    const isStuck = parked > 0 && ready + running === 0;
    return !this.#isLive && this.#hasRoom() && !isStuck;
  }

  async #runChunk(streamId: string, stop: AbortSignal): Promise<number | undefined> {
    const { forward, store } = this.#options;
    const [date, chunk] = splitChunkId(streamId);
    try {
      const position = await store.read(streamId) ?? { version: 1, cursor: "" };
      await forward({ date, chunk, position }, stop);
      if (stop.aborted) return undefined;
      await store.commit({
        streamId: `${DONE_PREFIX}${date}/${chunk}`,
        position: {},
        forget: [streamId],
      });
    } catch (error) {
      if (stop.aborted) return undefined;
      if (!(error instanceof Fault) || error.kind === "unsupported") throw error;
      if (!error.transient && error.kind !== "state") throw error;
      return await this.#park(streamId, error);
    }
    this.#noteMoving(streamId);
    const progress = this.#dates.get(date);
    if (progress !== undefined) progress.pending--;
    return undefined;
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
    const delayMs = failure.backoff.nextMs();
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

function splitChunkId(streamId: string): [date: string, chunk: string] {
  const dateEnd = streamId.indexOf("/", CHUNK_PREFIX.length);
  return [streamId.slice(CHUNK_PREFIX.length, dateEnd), streamId.slice(dateEnd + 1)];
}
