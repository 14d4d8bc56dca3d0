/**
 * What the pipeline needs from the world, in its own words. Adapters implement these; the pipeline
 * knows none of them.
 */
import type { Delivery } from "../core/delivery.ts";
import type { AuditEvent } from "../core/event.ts";
import type { Position } from "../core/position.ts";

/** Some events in order, and where to resume after them. */
export interface Page {
  readonly events: readonly AuditEvent[];
  /** Resumes after the whole page. An empty page may still move the position. */
  readonly position: Position;
  /** Resumes after `events[index]`. */
  positionAfter(index: number): Position;
  /** Gives back the memory of the payloads, once nobody looks at them any more; called in order. */
  release?(): void;
  /** More is known to follow at once: the stream is catching up, not waiting for news. */
  readonly backlog: boolean;
  /** When it was asked for, on the wall clock. @default {when the page before was done} */
  readonly askedAtMs?: number;
  /** When it came, on the wall clock. @default {when it is given} */
  readonly cameAtMs?: number;
}

/**
 * An ordered stream of events with an opaque position to resume after: the audit log, one chunk of a
 * bulk export, one session recording.
 *
 * `read` yields pages until the stream ends (the log never does, unless it was told to end when it
 * has caught up). Every event at or after `position` appears at least once and in order; none is
 * skipped. It throws a `Fault`: a transient one means "read again from the last committed position".
 * It throws `signal.reason` soon after `signal` is aborted, and leaves nothing open behind.
 */
export interface EventStream {
  /** Name of the stream in the store, such as `log`. */
  readonly id: string;
  read(position: Position, signal: AbortSignal): AsyncIterable<Page>;
}

/**
 * Where events go. `send` posts them as one request, in their order, and says what became of it; it
 * never throws for what a receiver does. When `signal` is aborted the request is given up and
 * `signal.reason` thrown: the receiver may or may not have taken it.
 *
 * `hold` gets the request for events ready that will be sent next, so that `send`, called with the same
 * events and what `hold` returned, has only its end to send. The receiver can take nothing of it before.
 */
export interface Sink {
  /** Most events and most bytes of payload that one request should hold; one event may be larger. */
  readonly limits: BatchLimits;
  send(
    events: readonly AuditEvent[],
    signal: AbortSignal,
    held?: HeldRequest,
  ): Promise<Delivery>;
  /** Undefined when nothing can be done ahead, or nothing would be won. */
  hold?(events: readonly AuditEvent[]): HeldRequest | undefined;
}

/** A request of which only the end is still to be sent. Its sink may give it up at any time. */
export interface HeldRequest {
  /** Gives it up, unless it was sent. */
  drop(): void;
}

/** How much goes into one request. */
export interface BatchLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** A stream and where it resumes. */
export interface StreamPosition {
  readonly streamId: string;
  readonly position: Position;
}

/** One step forward, written whole or not at all. */
export interface Commit extends StreamPosition {
  /** Streams that begin with this step. One that the store knows already stays as it is. */
  readonly open?: readonly StreamPosition[];
  /** Streams that end with this step. */
  readonly forget?: readonly string[];
}

/**
 * Remembers how far each stream got. A commit that returned survives a crash of the process. All
 * methods throw a `Fault` of kind `state`; after a failed commit the old positions stand.
 */
export interface PositionStore {
  read(streamId: string): Promise<Position | undefined>;
  /** All streams whose ids begin with `prefix`, such as `session/`, in the order of their ids. */
  list(prefix: string): AsyncIterable<StreamPosition>;
  commit(commit: Commit): Promise<void>;
  /** Drops streams that are done with. */
  forget(streamIds: readonly string[]): Promise<void>;
}

/** Which waiting streams are looked for. */
export interface StreamSearch {
  /** Beginning of their ids, such as `session/`. */
  readonly prefix: string;
  /** Most streams that are wanted. */
  readonly limit: number;
  /**
   * Whether a search goes on where the last one had found enough, so that none waits for ever behind
   * those that come. Otherwise all of them begin with the first. @default {false}
   */
  readonly inTurn?: boolean | undefined;
  /** Whether a stream is at work or waiting here already. */
  readonly isKnown: (streamId: string) => boolean;
  /** How long a stream that was set aside has to wait still, in milliseconds. */
  readonly delayOf: (position: Position) => number;
}

/** What a search has found. */
export interface FoundStreams {
  /** For this replica; it has not claimed them yet. */
  readonly streams: readonly StreamPosition[];
  /** Streams that wait for others, and that nobody has claimed. */
  readonly left: number;
}

/** A stream that this replica has claimed. */
export interface ClaimedStream {
  readonly position: Position;
  /** Whether the mark is there: nothing of the stream is left to forward. */
  readonly isMarked: boolean;
}

/**
 * Shares out the streams of a store between replicas: each is forwarded by the one that has claimed it,
 * and its position moved by nobody else. All methods throw a `Fault` of kind `state`.
 */
export interface StreamSharing {
  /** Replicas that live, this one included. */
  readonly replicaCount: number;
  /** Puts streams there for whoever claims them; one that is there already stays as it is. */
  open(streams: readonly StreamPosition[]): Promise<void>;
  /**
   * Claims a stream; undefined when another replica has it, or when it is done. `mark` names a stream
   * that stands where this one was done before, which who has opened it again did not know.
   */
  claim(streamId: string, mark?: string): Promise<ClaimedStream | undefined>;
  /** Lets others have a stream. One that is forgotten needs no release. */
  release(streamId: string): Promise<void>;
  /** Streams that this replica should forward. */
  find(search: StreamSearch): Promise<FoundStreams>;
}

/** The end of a stream that was forwarded whole, which is still to be stored. */
export interface StreamEnd {
  /** Streams to open in the same commit: what the last request has caused. */
  readonly open: readonly StreamPosition[];
  /** To be called when that is stored. */
  stored(): void;
}

/** An event that nobody will take, with the receiver's words. */
export interface RejectedEvent {
  readonly streamId: string;
  readonly event: AuditEvent;
  readonly reason: string;
}

/**
 * Keeps rejected events. When `put` returns they are on the disk, so that the position may pass
 * them. Throws a `Fault` of kind `state` when they are not.
 */
export interface Quarantine {
  put(rejected: RejectedEvent): Promise<void>;
}

/** A pause before the next attempt, and why it is needed. */
export interface Retry {
  readonly streamId: string;
  /** What failed: the receiver, the source of events, or the place where state is kept. */
  readonly peer: "receiver" | "source" | "state";
  /** Attempts that failed in a row, this one included. */
  readonly attempt: number;
  readonly reason: string;
  readonly delayMs: number;
  /** Waiting alone will not help: someone must change a setting. */
  readonly lasting: boolean;
}

/** Whom to keep out. */
export interface UserLock {
  readonly user: string;
  /** The login that was tried last; may be empty. */
  readonly login: string;
  /** End of the lock, in milliseconds since the epoch; for ever when undefined. */
  readonly expiresMs: number | undefined;
}

/** Keeps users out of the cluster. Throws a `Fault`: `denied` when we may not. */
export interface UserLocker {
  lock(lock: UserLock, signal: AbortSignal): Promise<void>;
}

/** A stream that waits for another try. */
export interface ParkedStream {
  readonly streamId: string;
  /** What failed, as in {@linkcode Retry}. */
  readonly peer: Retry["peer"];
  readonly reason: string;
  /** Tries without progress so far. */
  readonly attempt: number;
  readonly delayMs: number;
}

/** Told how much goes through, many times a second. Must not throw. */
export interface PipelineMeter {
  /** A page has come from the source. */
  read(streamId: string, page: Page): void;
  /** What waits between the source and the receiver now. */
  queued(streamId: string, waiting: { readonly events: number; readonly bytes: number }): void;
  /** Everything that the source had when it was last asked is delivered; told at each look. */
  upToDate(streamId: string): void;
}

/** Told what the pipeline does: the log and the counters listen here. Must not throw. */
export interface PipelineObserver {
  /** The receiver has taken these events, in this order. */
  delivered(streamId: string, events: readonly AuditEvent[], backlog: boolean): void;
  /** So many events were not wanted by the filter. */
  filtered(streamId: string, count: number): void;
  /** The event was quarantined. */
  rejected(rejected: RejectedEvent): void;
  retrying(retry: Retry): void;
  /**
   * The source has more events and does not give them, or gives the same ones again. It is read again
   * from the position; `recovered` tells when it goes on.
   */
  stalled(streamId: string, reason: string): void;
  /** What `retrying` or `stalled` told of works again, after so many failed attempts. */
  recovered(streamId: string, peer: Retry["peer"], attempts: number): void;
  /** Everything that the source had is delivered; may be told again while that stays so. */
  caughtUp(streamId: string): void;
  /** A stream with an end has come to it. */
  finished(streamId: string): void;
  /** A stream is set aside, so that others can go on. */
  parked(parked: ParkedStream): void;
  /** A stream, or a part of it, is given up: it will not arrive. */
  abandoned(streamId: string, reason: string): void;
}
