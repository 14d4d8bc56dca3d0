import type { CredentialStatus } from "../core/credential_status.ts";
import type { Retry } from "../pipeline/ports.ts";

/** Which of the two URLs of the receiver events go to. */
export type StreamClass = "log" | "session";

/** What became of a request: as the receiver answered, or given up before it did. */
export type RequestResult = "delivered" | "retry" | "rejected" | "misconfigured" | "aborted";

/** What does not change while the program runs. */
export interface RunFacts {
  /** Version of the program, such as `1.2.3`. */
  readonly version: string;
  /** Host and port of Teleport, as set. */
  readonly teleport: string;
  /** URL that takes the audit log, without user, password and query. */
  readonly logUrl: string;
  /** URL that takes session recordings, likewise. */
  readonly sessionUrl: string;
  /** Folder of the state. */
  readonly storage: string;
  readonly isDryRun: boolean;
}

/** Counters of one class of streams, from zero at each start. */
export interface EventCounts {
  readonly received: number;
  readonly delivered: number;
  readonly filtered: number;
  /** Put into quarantine because the receiver refused them. */
  readonly refused: number;
  /** Put into quarantine because they cannot be written as JSON. */
  readonly unreadable: number;
  readonly requests: { readonly [result in RequestResult]: number };
}

/** Streams of a pool, by what they do. */
export interface StreamCounts {
  /** Wait for a place. */
  readonly ready: number;
  readonly running: number;
  /** Wait for another try. */
  readonly parked: number;
}

/** What fails at the moment, and when it is tried again. */
export interface Trouble {
  readonly streamId: string;
  readonly peer: Retry["peer"];
  readonly reason: string;
  /** Attempts that failed in a row. */
  readonly attempt: number;
  /** Someone must change a setting; waiting alone does not help. */
  readonly lasting: boolean;
  /** When the first of these attempts failed, on the wall clock. */
  readonly sinceMs: number;
  /** When the next attempt is due, on the wall clock. */
  readonly nextTryMs: number;
}

/** A stream that makes no progress though nothing is known to fail. */
export interface Stall {
  readonly streamId: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** The event delivered last; nothing of its payload. */
export interface LastEvent {
  readonly type: string;
  readonly id: string;
  /** As the event tells it. */
  readonly timeMs: number;
}

/** What a replica does besides its part of recordings and chunks: it reads the log, or not. */
export type ReplicaRole = "joining" | "follower" | "leader";

/** A replica as this one sees it. */
export interface OtherReplica {
  readonly name: string;
  readonly isSelf: boolean;
  readonly isLeader: boolean;
  /** Recordings and chunks that it forwards. */
  readonly claims: number;
  /** How long ago its lease was seen to change. */
  readonly seenAgoMs: number;
}

/** This replica among the others. */
export interface ReplicaStatus {
  readonly name: string;
  readonly role: ReplicaRole;
  /** Of the one that leads: one more with each leader. */
  readonly epoch: number | undefined;
  /** Recordings and chunks that are forwarded here. */
  readonly claims: number;
  /** Streams that were taken over from replicas that are gone, the log included. */
  readonly takeovers: number;
  /** Writes that the store refused, because another replica had taken over. */
  readonly fencedWrites: number;
  readonly replicas: readonly OtherReplica[];
}

/**
 * What a run knows about itself at one moment: plain data, for the status page, the probes, the
 * metrics, the progress line and SIGUSR1. Times are milliseconds since the epoch; undefined is what
 * has not happened or is not known.
 */
export interface RunSnapshot extends RunFacts {
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly phase: "starting" | "forwarding" | "stopping";
  /** By which way Teleport is reached, in words; undefined until it was. */
  readonly route: string | undefined;
  /** How the audit log is read; undefined until Teleport has said what it can. */
  readonly mode: "paged" | "bulk" | undefined;

  readonly events: { readonly [stream in StreamClass]: EventCounts };
  /** Events delivered in each of the last 60 minutes, the current one last. */
  readonly deliveredPerMinute: readonly number[];
  readonly lastEvent: LastEvent | undefined;
  readonly lastDeliveredAtMs: number | undefined;
  /** When Teleport last answered about the audit log. */
  readonly lastAnswerAtMs: number | undefined;

  /** All that Teleport had was delivered, and delivery has not fallen behind since. */
  readonly isCaughtUp: boolean;
  /** When that was first so in this run, or again after it had fallen behind. */
  readonly caughtUpAtMs: number | undefined;
  /** How far delivery is behind, measured on the server's clock. */
  readonly lagMs: number | undefined;
  /** Where this run began to read the audit log. */
  readonly readFromMs: number | undefined;
  /** Everything before this time is done, as far as it is known; on the server's clock. */
  readonly doneUntilMs: number | undefined;
  /** The server's clock now, as its events let see it. */
  readonly serverNowMs: number;

  readonly queue: { readonly events: number; readonly bytes: number };
  readonly inFlightEvents: number;
  readonly troubles: readonly Trouble[];
  /** Troubles that ever were, by peer. */
  readonly retries: { readonly [peer in Retry["peer"]]: number };
  /** The trouble seen last, also when it is over. */
  readonly lastTrouble: Trouble | undefined;
  readonly stalls: readonly Stall[];
  readonly stallCount: number;

  /** Recordings that are not done; undefined when none are forwarded. */
  readonly sessions: StreamCounts | undefined;
  readonly sessionsSent: number;
  readonly sessionsGivenUp: number;
  /** Chunks that are known and not done; undefined when pages are read. */
  readonly chunks: StreamCounts | undefined;

  readonly commits: { readonly stored: number; readonly failed: number };
  readonly lastCommitAtMs: number | undefined;
  /** Why the last write to the store failed; undefined when it did not. */
  readonly storeProblem: string | undefined;
  /** Events in quarantine, those of earlier runs included; undefined while not counted. */
  readonly quarantined: number | undefined;
  readonly credentials: readonly CredentialStatus[];
  /** Undefined where the store is not shared. */
  readonly replica: ReplicaStatus | undefined;
}
