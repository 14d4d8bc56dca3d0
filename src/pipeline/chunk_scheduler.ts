import { Backoff } from "../core/backoff.ts";
import { Fault } from "../core/fault.ts";
import { addDays, toUtcDate } from "../core/utc_date.ts";
import {
  CHUNK_PREFIX,
  CHUNK_START,
  chunkIdOf,
  ChunkRunner,
  type ChunkRunnerOptions,
  DONE_PREFIX,
} from "./chunk_runner.ts";
import { waitForStore } from "./wait_for_store.ts";

/** What a bulk export needs. */
export interface ChunkSchedulerOptions extends Omit<ChunkRunnerOptions, "onDone"> {
  /** Pause between two listings of the current dates, in milliseconds; up to a seventh more or less. */
  readonly pollMs: number;
  /** Chunks of a UTC date as the server knows them now. @throws {Fault} */
  readonly list: (date: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Told that all dates before this one are done, and when everything there was is done. */
  readonly onProgress: (progress: { date: string; idleAtMs: number | undefined }) => Promise<void>;
  /** Told that chunks were opened for all replicas. */
  readonly onOpened?: () => void;
  /** End once everything that the server has was forwarded. */
  readonly endWhenCaughtUp: boolean;
  /** Source of jitter: a number in [0, 1). @default {Math.random} */
  readonly random?: () => number;
}

/** Dates before today that may still get chunks, as in the Go handler. */
const LATE_DAYS = 2;
/** Shared chunks that are listed ahead: what replicas are through with until it is noticed here. */
const SHARED_AHEAD = 20;
/** A run that is to end does not wait longer for a chunk of which nothing comes, in milliseconds. */
const MAX_WAIT_MS = 2 * 60_000;
const NO_COUNTS = { parked: 0, ready: 0, running: 0 };
/** Longest name of a chunk: it is part of a key in the store. */
const MAX_CHUNK_NAME = 512;

/** What is known of one date. */
interface DateProgress {
  /** Chunks that are done, or on their way. */
  readonly seen: Set<string>;
  /** Those that are not done. */
  readonly pending: Set<string>;
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
 * Lists the chunks of a bulk export and has them forwarded: dates in order, `concurrency` chunks at a
 * time across dates. Past dates are listed as soon as there is room; today and the days before it are
 * listed again and again, because chunks appear late.
 */
export class ChunkScheduler {
  readonly #options: ChunkSchedulerOptions;
  /** Undefined where chunks are shared out: then each replica has one beside this. */
  readonly #runner: ChunkRunner | undefined;
  readonly #dates = new Map<string, DateProgress>();
  readonly #ended = new AbortController();
  #isLive = false;

  constructor(options: ChunkSchedulerOptions) {
    // The end of one part is the end of all.
    const stop = AbortSignal.any([options.stop, this.#ended.signal]);
    this.#options = { ...options, stop };
    if (options.sharing !== undefined) return;
    this.#runner = new ChunkRunner({
      ...options,
      stop,
      onDone: ({ chunk, date }) => void this.#dates.get(date)?.pending.delete(chunk),
    });
  }

  /** Known chunks that are not done; undefined where all replicas forward them. */
  get counts(): ChunkRunner["counts"] | undefined {
    return this.#runner?.counts;
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
      this.#listDates(firstDate).then(() => this.#runner?.drain()),
      this.#runner?.run(),
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
    await this.#noteDone();
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
    const reasons = this.#runner?.reasonsAfter(MAX_WAIT_MS) ?? [];
    if (reasons.length === 0 || reasons.length < this.#countPending()) return;
    throw new Fault("protocol", `Cannot export the last ${reasons.length} chunks: ${reasons[0]}`, {
      hint: "What came before is forwarded; start again to go on",
    });
  }

  #hasRoom(): boolean {
    const { concurrency, sharing } = this.#options;
    if (this.#runner !== undefined) return this.#runner.counts.ready < 2 * concurrency;
    return this.#countPending() < SHARED_AHEAD * concurrency * sharing!.replicaCount;
  }

  #countPending(): number {
    return this.#dates.values().reduce((sum, { pending }) => sum + pending.size, 0);
  }

  /** Lists today and the dates that may still change, and returns how many chunks were new. */
  async #listCurrent(watched: string, today: string): Promise<number> {
    let found = 0;
    for (let date = addDays(today, -LATE_DAYS); date <= today; date = addDays(date, 1)) {
      if (date >= watched) found += await this.#listDate(date);
    }
    return found;
  }

  /** Where others forward chunks too, the store alone knows which of them are done. */
  async #noteDone(): Promise<void> {
    const { sharing, store } = this.#options;
    if (sharing === undefined || this.#countPending() === 0) return;
    const left = new Set<string>();
    for await (const { streamId } of store.list(CHUNK_PREFIX)) left.add(streamId);
    for (const [date, { pending }] of this.#dates) {
      for (const chunk of pending) {
        if (!left.has(chunkIdOf(date, chunk))) pending.delete(chunk);
      }
    }
  }

  /** Whether a date is done and cannot change any more, which takes a listing after its last day. */
  async #isOver(date: string): Promise<boolean> {
    if (!this.#isPast(date)) return false;
    const before = this.#dates.get(date);
    if (before !== undefined && before.pending.size > 0) return false;
    if (before === undefined || !before.isFinal) await this.#listDate(date);
    return this.#dates.get(date)!.pending.size === 0 && !this.#options.stop.aborted;
  }

  /** Whether no more chunks of a date are to come. */
  #isPast(date: string): boolean {
    return date < addDays(toUtcDate(this.#options.clock.nowMs()), -LATE_DAYS);
  }

  /** Has the new chunks of a date forwarded and returns how many there were. */
  async #listDate(date: string): Promise<number> {
    const progress = await this.#progressOf(date);
    const isFinal = this.#isPast(date);
    const found = new Set<string>();
    for (const chunk of await this.#listUntilAnswered(date)) {
      if (progress.seen.has(chunk)) continue;
      if (chunk.length > MAX_CHUNK_NAME) {
        progress.seen.add(chunk);
        this.#options.observer.abandoned(
          `${CHUNK_PREFIX}${date}/…`,
          "Name of the chunk is too long",
        );
        continue;
      }
      found.add(chunk);
    }
    const { onOpened, sharing } = this.#options;
    if (sharing !== undefined && found.size > 0) {
      const ids = [...found].map((chunk) => chunkIdOf(date, chunk));
      await sharing.open(ids.map((streamId) => ({ streamId, position: CHUNK_START })));
      onOpened?.();
    }
    for (const chunk of found) {
      progress.seen.add(chunk);
      progress.pending.add(chunk);
      this.#runner?.add(date, chunk);
    }
    progress.isFinal = isFinal;
    return found.size;
  }

  async #progressOf(date: string): Promise<DateProgress> {
    let progress = this.#dates.get(date);
    if (progress === undefined) {
      progress = { seen: new Set(), pending: new Set(), isFinal: false };
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
    const { clock, pollMs, random, sharing, stop } = this.#options;
    const catchUpMs = sharing === undefined ? 50 : 1000;
    const jitter = 1 + ((random ?? Math.random)() - 0.5) * 2 / 7;
    // While going back through the past it is the pool that has to make room.
    let leftMs = isCatchingUp ? catchUpMs : pollMs * jitter;
    while (leftMs > 0 && !stop.aborted) {
      const stepMs = this.#isLive ? leftMs : Math.min(leftMs, 1000);
      await clock.sleep(stepMs, stop).catch(() => {});
      leftMs -= stepMs;
      if (leftMs > 0 && !this.#isLive) await this.#useStore(() => this.#noteDone());
      if (this.#isEndNear()) return;
    }
  }

  /** Whether the backlog is nearly done: neither are many chunks left, nor only such as fail. */
  #isEndNear(): boolean {
    const { parked, ready, running } = this.#runner?.counts ?? NO_COUNTS;
    const isStuck = parked > 0 && ready + running === 0;
    return !this.#isLive && this.#hasRoom() && !isStuck;
  }
}
