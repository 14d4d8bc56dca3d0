import type { Clock } from "../core/clock.ts";
import { Fault, type FaultKind } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import {
  decodeSessionPosition,
  encodeSessionPosition,
  type SessionPosition,
} from "../core/session_position.ts";
import type {
  PipelineObserver,
  PositionStore,
  StreamEnd,
  StreamPosition,
  StreamSharing,
} from "./ports.ts";
import { SharedPool } from "./shared_pool.ts";
import type { WaitingStreams } from "./stream_pool.ts";
import { waitForStore } from "./wait_for_store.ts";

/** What the sessions need. */
export interface SessionSchedulerOptions {
  /** Most recordings that are forwarded at once. */
  readonly concurrency: number;
  /** Those of them that wait for others to go on, and hold no place meanwhile. */
  readonly aside?: WaitingStreams | undefined;
  readonly clock: Clock;
  readonly store: PositionStore;
  readonly observer: PipelineObserver;
  /** Forwards one recording from a position to its end, or until stopped. @throws {Fault} */
  readonly forward: (
    sessionId: string,
    position: Position,
    stop: AbortSignal,
  ) => Promise<StreamEnd | undefined>;
  readonly stop: AbortSignal;
  /** Shares the recordings out where several replicas use the store. */
  readonly sharing?: StreamSharing | undefined;
  /** Pause between two looks for recordings that others have found, in milliseconds. */
  readonly lookMs?: number;
}

/** Streams of sessions are named by their session. */
export const SESSION_PREFIX = "session/";
/** Sessions that were given up, kept with the reason. */
const ABANDONED_PREFIX = "abandoned/session/";

const HOUR_MS = 60 * 60 * 1000;
/** A recording that is not there so long after its upload never will be, as in the Go handler. */
const GIVE_UP_AFTER_MS = 48 * HOUR_MS;
/** Tries without progress after which a recording that cannot be read is given up. */
const MAX_ATTEMPTS = 110;
/** First and longest pause before a recording that is not there is looked for again. */
const MISSING_PAUSE_MS = { first: 2000, max: HOUR_MS / 2 };
/** The same while the server is away: recordings are not to lag behind the log for long. */
const AWAY_PAUSE_MS = { first: 1000, max: 30_000 };
/** The same after other failures. */
const FAILURE_PAUSE_MS = { first: 1000, max: HOUR_MS / 12 };

/**
 * Forwards session recordings, `concurrency` at a time, those that wait longest first. What waits is
 * an entry in the store and an id in memory. A recording that is not there yet, or fails, is set aside
 * with a growing pause, which a restart does not forget.
 */
export class SessionScheduler {
  readonly #options: SessionSchedulerOptions;
  readonly #pool: SharedPool;

  constructor(options: SessionSchedulerOptions) {
    this.#options = options;
    this.#pool = new SharedPool({
      ...options,
      prefix: SESSION_PREFIX,
      // Their ids say nothing of their age.
      inTurn: true,
      run: (id, stop) => this.#runIfOurs(id, stop),
      delayOf: (position) => this.#delayOf(position),
    });
  }

  /**
   * Takes up the sessions that an earlier run left; those of a store that is shared are found while it
   * runs. @throws {Fault} of kind `state`.
   */
  async load(): Promise<number> {
    if (this.#pool.isShared) return 0;
    let count = 0;
    for await (const { streamId, position } of this.#options.store.list(SESSION_PREFIX)) {
      this.#pool.add(streamId, this.#delayOf(position));
      count++;
    }
    return count;
  }

  /** Recordings that are not done. */
  get counts(): SharedPool["counts"] {
    return this.#pool.counts;
  }

  /** Takes up sessions that were committed just now. */
  open(streams: readonly StreamPosition[]): void {
    if (this.#pool.isShared) return this.#pool.wake();
    for (const { streamId } of streams) {
      if (streamId.startsWith(SESSION_PREFIX)) this.#pool.add(streamId);
    }
  }

  /** Lets `run` end once each session was tried; those set aside stay in the store. */
  drain(): void {
    this.#pool.drain();
  }

  /** Runs until stopped or drained. */
  async run(): Promise<void> {
    await this.#pool.run();
  }

  #delayOf(position: Position): number {
    const { attempts, dueMs } = decodeSessionPosition(position);
    // No pause is longer: a later time was set by a clock that ran ahead.
    const longestMs = pauseAfter("missing", attempts);
    return Math.min(dueMs - this.#options.clock.nowMs(), longestMs);
  }

  async #runIfOurs(streamId: string, stop: AbortSignal): Promise<number | undefined> {
    const { sharing, store } = this.#options;
    const wait = { ...this.#options, streamId, stop };
    if (sharing === undefined) {
      const stored = await waitForStore(() => store.read(streamId), wait);
      return stored && await this.#runOnce(streamId, stored, stop);
    }
    try {
      const claimed = await waitForStore(() => sharing.claim(streamId), wait);
      if (claimed === undefined) return undefined;
      const delayMs = await this.#runOnce(streamId, claimed.position, stop);
      if (!stop.aborted) await waitForStore(() => sharing.release(streamId), wait);
      return delayMs;
    } catch (error) {
      // Another replica has taken over; what ends this one is told elsewhere.
      if (stop.aborted && error instanceof Fault) return undefined;
      throw error;
    }
  }

  async #runOnce(
    streamId: string,
    stored: Position,
    stop: AbortSignal,
  ): Promise<number | undefined> {
    const { forward, observer, store } = this.#options;
    const wait = { ...this.#options, streamId, stop };
    let end: StreamEnd | undefined;
    try {
      end = await forward(streamId.slice(SESSION_PREFIX.length), stored, stop);
    } catch (error) {
      if (!(error instanceof Fault) || !error.transient) throw error;
      return stop.aborted ? undefined : await this.#setAside(streamId, error, stop);
    }
    if (end === undefined) return undefined;
    await waitForStore(() => store.forget([streamId]), wait);
    observer.finished(streamId);
    return undefined;
  }

  async #setAside(
    streamId: string,
    fault: Fault,
    stop: AbortSignal,
  ): Promise<number | undefined> {
    const { clock, observer, store } = this.#options;
    const wait = { ...this.#options, streamId, stop };
    const stored = await waitForStore(() => store.read(streamId), wait);
    if (stop.aborted) return undefined;
    const position = decodeSessionPosition(stored ?? {});
    const attempts = position.attempts + 1;
    const nowMs = clock.nowMs();
    if (isHopeless({ ...position, attempts }, fault, nowMs)) {
      const abandoned = {
        streamId: `${ABANDONED_PREFIX}${streamId.slice(SESSION_PREFIX.length)}`,
        position: { ...encodeSessionPosition({ ...position, attempts }), reason: fault.message },
        forget: [streamId],
      };
      await waitForStore(() => store.commit(abandoned), wait);
      observer.abandoned(streamId, fault.message);
      return undefined;
    }
    const delayMs = pauseAfter(fault.kind, attempts);
    const parked = encodeSessionPosition({ ...position, attempts, dueMs: nowMs + delayMs });
    await waitForStore(() => store.commit({ streamId, position: parked }), wait);
    const reason = fault.text;
    observer.parked({ streamId, peer: "source", reason, attempt: attempts, delayMs });
    return delayMs;
  }
}

/** The pause after so many failures, in milliseconds. */
function pauseAfter(kind: FaultKind, attempts: number): number {
  const { first, max } = kind === "missing"
    ? MISSING_PAUSE_MS
    : kind === "unavailable"
    ? AWAY_PAUSE_MS
    : FAILURE_PAUSE_MS;
  return Math.min(first * 2 ** Math.min(Math.max(attempts - 1, 0), 20), max);
}

/**
 * Whether trying again is of no use. That the server cannot be reached never makes a recording
 * hopeless, however long it lasts.
 */
function isHopeless(position: SessionPosition, fault: Fault, nowMs: number): boolean {
  // An upload without a time is not one of 1970; the tries alone count then.
  const isOld = position.uploadMs > 0 && nowMs - position.uploadMs > GIVE_UP_AFTER_MS;
  if (fault.kind === "missing") return isOld || position.attempts >= MAX_ATTEMPTS;
  return fault.kind === "protocol" && isOld && position.attempts >= 10;
}
