import type { Clock } from "../core/clock.ts";
import type { CredentialStatuses } from "../core/credential_status.ts";
import type { AuditEvent } from "../core/event.ts";
import type { Page, ParkedStream, RejectedEvent, Retry } from "../pipeline/ports.ts";
import { MinuteCounts } from "./minute_counts.ts";
import type { EndedRequest, RunMeasures, RunObserver } from "./run_observer.ts";
import type {
  EventCounts,
  LastEvent,
  ReplicaStatus,
  RequestResult,
  RunFacts,
  RunSnapshot,
  Stall,
  StreamClass,
  StreamCounts,
  Trouble,
} from "./run_snapshot.ts";
import { type Moment, ServerTime } from "./server_time.ts";

type Counts = { -readonly [key in Exclude<keyof EventCounts, "requests">]: number } & {
  readonly requests: { [result in RequestResult]: number };
};

const PEERS: readonly Retry["peer"][] = ["source", "receiver", "state"];
/** A lag of less, besides the pause between two looks, is the ordinary one of a busy cluster. */
const BEHIND_AFTER_MS = 60_000;
/** The streams that the audit log is read by: pages, and the listing of chunks. */
const LOG_STREAMS = ["log", "bulk"];

/**
 * Keeps account of one run. It is told what happens, and gives the sum of it at any moment; it does
 * nothing by itself and fails nobody. Counters begin at zero with each start.
 */
export class RunStatus implements RunObserver {
  readonly #clock: Clock;
  readonly #facts: RunFacts;
  readonly #startedAtMs: number;
  readonly #behindAfterMs: number;
  readonly #serverTime: ServerTime;
  readonly #minutes = new MinuteCounts();
  readonly #events: { readonly [stream in StreamClass]: Counts } = {
    log: createCounts(),
    session: createCounts(),
  };
  readonly #retries = { source: 0, receiver: 0, state: 0 };
  readonly #troubles = new Map<string, Trouble>();
  readonly #stalls = new Map<string, Stall>();
  readonly #queues = new Map<string, { readonly events: number; readonly bytes: number }>();
  readonly #commits = { stored: 0, failed: 0 };
  #phase: RunSnapshot["phase"] = "starting";
  #route: string | undefined;
  #mode: RunSnapshot["mode"];
  #lastEvent: LastEvent | undefined;
  #lastDeliveredAtMs: number | undefined;
  #lastAnswerAtMs: number | undefined;
  #lastCommitAtMs: number | undefined;
  #lastTrouble: Trouble | undefined;
  #storeProblem: string | undefined;
  #caughtUpAtMs: number | undefined;
  /** On the monotonic clock: when everything that Teleport had was delivered. */
  #upToDateAtMs: number | undefined;
  #readFromMs: number | undefined;
  #doneUntilMs: number | undefined;
  #inFlightEvents = 0;
  #stallCount = 0;
  #sessionsSent = 0;
  #sessionsGivenUp = 0;
  #quarantined: number | undefined;
  #countSessions: () => StreamCounts | undefined = () => undefined;
  #countChunks: () => StreamCounts | undefined = () => undefined;
  #readReplica: () => ReplicaStatus | undefined = () => undefined;
  #credentials: CredentialStatuses = { list: () => [] };
  readonly #measures: RunMeasures[] = [];

  constructor(
    options: {
      readonly clock: Clock;
      readonly facts: RunFacts;
      /** Pause between two looks for news, in milliseconds. */
      readonly pollMs: number;
    },
  ) {
    this.#clock = options.clock;
    this.#facts = options.facts;
    this.#serverTime = new ServerTime(options);
    this.#behindAfterMs = options.pollMs + BEHIND_AFTER_MS;
    this.#startedAtMs = options.clock.nowMs();
  }

  /** Has durations, sizes and delays measured as well. */
  measureWith(measures: RunMeasures): void {
    this.#measures.push(measures);
  }

  /** Teleport has said how its log can be read. */
  useMode(mode: "paged" | "bulk"): void {
    this.#mode = mode;
    this.#phase = this.#phase === "starting" ? "forwarding" : this.#phase;
    this.#answered();
    // What failed in the other way is no trouble of this one.
    for (const streamId of LOG_STREAMS) this.recovered(streamId, "source");
    for (const streamId of [...this.#stalls.keys()]) {
      if (classOf(streamId) === "log") this.#stalls.delete(streamId);
    }
  }

  /** The way by which Teleport is reached, in words. */
  useRoute(route: string): void {
    this.#route = route;
  }

  /** No more is read; what is under way may finish. */
  stopping(): void {
    this.#phase = "stopping";
  }

  /** The store is shared: what this replica is among others. */
  useReplica(read: () => ReplicaStatus): void {
    this.#readReplica = read;
  }

  /** Another replica reads the log; how far that is, is not known here. */
  follows(): void {
    this.#mode = undefined;
    this.#phase = this.#phase === "starting" ? "forwarding" : this.#phase;
    this.#upToDateAtMs = undefined;
    this.#doneUntilMs = undefined;
    for (const streamId of LOG_STREAMS) this.#forget(streamId);
  }

  /** All streams have ended, and are begun anew: what failed of them will not tell that it works again. */
  beginAnew(): void {
    this.#mode = undefined;
    this.#troubles.clear();
    this.#stalls.clear();
    this.#queues.clear();
    this.#storeProblem = undefined;
  }

  /** Credentials whose lives are watched. */
  useCredentials(credentials: CredentialStatuses): void {
    this.#credentials = credentials;
  }

  /** How recordings are counted that are not done. */
  useSessions(count: () => StreamCounts): void {
    this.#countSessions = count;
  }

  /** How chunks are counted that are not done; undefined when pages are read. */
  useChunks(count: () => StreamCounts | undefined): void {
    this.#countChunks = count;
  }

  /** The run begins to read the audit log at a time. */
  readFrom(timeMs: number): void {
    this.#readFromMs = timeMs;
    this.doneUntil(timeMs);
  }

  /** Everything of the audit log before a time is done. */
  doneUntil(timeMs: number): void {
    this.#doneUntilMs = Math.max(this.#doneUntilMs ?? timeMs, timeMs);
  }

  /** So many events lie in quarantine since earlier runs. */
  foundQuarantined(count: number): void {
    const { log, session } = this.#events;
    const own = [log, session].reduce(
      (sum, { refused, unreadable }) => sum + refused + unreadable,
      0,
    );
    this.#quarantined = count + own;
  }

  /** Time of the newest event that Teleport has. */
  sawNewest(timeMs: number): void {
    this.#serverTime.sawNewest(timeMs, this.#moment());
  }

  read(streamId: string, { backlog, events }: Page): void {
    const stream = classOf(streamId);
    this.#events[stream].received += events.length;
    if (stream !== "log") return;
    this.#answered();
    const newestMs = events.at(-1)?.timeMs;
    if (!backlog) this.#serverTime.sawEnd(newestMs, this.#moment());
    else if (newestMs !== undefined) this.#serverTime.saw(newestMs, this.#moment());
  }

  queued(streamId: string, waiting: { readonly events: number; readonly bytes: number }): void {
    if (waiting.events === 0) this.#queues.delete(streamId);
    else this.#queues.set(streamId, waiting);
  }

  upToDate(streamId: string): void {
    // The end of one chunk or recording is not that of the log.
    if (!LOG_STREAMS.includes(streamId)) return;
    const moment = this.#moment();
    if (!this.#isCaughtUp(moment)) this.#caughtUpAtMs = moment.nowMs;
    this.#upToDateAtMs = moment.monotonicMs;
    this.#answered();
  }

  delivered(streamId: string, events: readonly AuditEvent[]): void {
    const stream = classOf(streamId);
    const moment = this.#moment();
    this.#events[stream].delivered += events.length;
    this.#minutes.add(events.length, moment.monotonicMs);
    this.#lastDeliveredAtMs = moment.nowMs;
    this.#settle(streamId, "receiver");
    if (stream !== "log") return;
    const { id, timeMs, type } = events.at(-1)!;
    this.#lastEvent = { id, timeMs, type };
    const serverNowMs = this.#serverTime.at(moment);
    // An event of a far future says nothing of those before it.
    if (streamId === "log") this.doneUntil(Math.min(timeMs, serverNowMs));
    for (const measures of this.#measures) measures.accepted(events, serverNowMs);
  }

  filtered(streamId: string, count: number): void {
    this.#events[classOf(streamId)].filtered += count;
  }

  rejected({ event, streamId }: RejectedEvent): void {
    const counts = this.#events[classOf(streamId)];
    if (event.defect === undefined) counts.refused++;
    else counts.unreadable++;
    if (this.#quarantined !== undefined) this.#quarantined++;
  }

  retrying({ attempt, delayMs, lasting, peer, reason, streamId }: Retry): void {
    const nowMs = this.#clock.nowMs();
    const key = `${streamId} ${peer}`;
    const sinceMs = this.#troubles.get(key)?.sinceMs ?? nowMs;
    const nextTryMs = nowMs + delayMs;
    const trouble = { streamId, peer, reason, attempt, lasting, sinceMs, nextTryMs };
    this.#troubles.set(key, trouble);
    this.#lastTrouble = trouble;
    this.#retries[peer]++;
  }

  stalled(streamId: string, reason: string): void {
    this.#stallCount++;
    const sinceMs = this.#stalls.get(streamId)?.sinceMs ?? this.#clock.nowMs();
    this.#stalls.set(streamId, { streamId, reason, sinceMs });
  }

  recovered(streamId: string, peer: Retry["peer"]): void {
    this.#settle(streamId, peer);
    if (peer === "source") this.#stalls.delete(streamId);
  }

  caughtUp(streamId: string): void {
    this.upToDate(streamId);
  }

  finished(streamId: string): void {
    if (classOf(streamId) === "session") this.#sessionsSent++;
    this.#forget(streamId);
  }

  /** Between its tries, a stream that does not move is stalled as before. */
  parked({ streamId }: ParkedStream): void {
    const stall = this.#stalls.get(streamId);
    this.#forget(streamId);
    if (stall !== undefined) this.#stalls.set(streamId, stall);
  }

  abandoned(streamId: string): void {
    if (classOf(streamId) === "session") this.#sessionsGivenUp++;
    this.#forget(streamId);
  }

  sending(events: number): void {
    this.#inFlightEvents += events;
  }

  sent(request: EndedRequest): void {
    this.#inFlightEvents -= request.events;
    this.#events[request.stream].requests[request.result]++;
    for (const measures of this.#measures) measures.sent(request);
  }

  committed(): void {
    this.#commits.stored++;
    this.#lastCommitAtMs = this.#clock.nowMs();
    this.#storeProblem = undefined;
  }

  commitFailed(reason: string): void {
    this.#commits.failed++;
    this.#storeProblem = reason;
  }

  /** Everything, at this moment. */
  snapshot(): RunSnapshot {
    const moment = this.#moment();
    const queues = [...this.#queues.values()];
    return {
      ...this.#facts,
      nowMs: moment.nowMs,
      startedAtMs: this.#startedAtMs,
      phase: this.#phase,
      route: this.#route,
      mode: this.#mode,
      events: { log: copyCounts(this.#events.log), session: copyCounts(this.#events.session) },
      deliveredPerMinute: this.#minutes.list(moment.monotonicMs),
      lastEvent: this.#lastEvent,
      lastDeliveredAtMs: this.#lastDeliveredAtMs,
      lastAnswerAtMs: this.#lastAnswerAtMs,
      isCaughtUp: this.#isCaughtUp(moment),
      caughtUpAtMs: this.#caughtUpAtMs,
      lagMs: this.#lagMs(moment),
      readFromMs: this.#readFromMs,
      doneUntilMs: this.#doneUntilMs,
      serverNowMs: this.#serverTime.at(moment),
      queue: {
        events: queues.reduce((sum, { events }) => sum + events, 0),
        bytes: queues.reduce((sum, { bytes }) => sum + bytes, 0),
      },
      inFlightEvents: this.#inFlightEvents,
      troubles: [...this.#troubles.values()],
      retries: { ...this.#retries },
      lastTrouble: this.#lastTrouble,
      stalls: [...this.#stalls.values()],
      stallCount: this.#stallCount,
      sessions: this.#countSessions(),
      sessionsSent: this.#sessionsSent,
      sessionsGivenUp: this.#sessionsGivenUp,
      chunks: this.#countChunks(),
      commits: { ...this.#commits },
      lastCommitAtMs: this.#lastCommitAtMs,
      storeProblem: this.#storeProblem,
      quarantined: this.#quarantined,
      credentials: this.#credentials.list(),
      replica: this.#readReplica(),
    };
  }

  /** A poll that finds a few pages of news is not a backlog yet. */
  #isCaughtUp(moment: Moment): boolean {
    return this.#upToDateAtMs !== undefined && this.#lagMs(moment)! <= this.#behindAfterMs;
  }

  /** The smaller of two: since when nothing was left to deliver, and how old the last one done is. */
  #lagMs(moment: Moment): number | undefined {
    const candidates: number[] = [];
    if (this.#upToDateAtMs !== undefined) {
      candidates.push(moment.monotonicMs - this.#upToDateAtMs);
    }
    if (this.#doneUntilMs !== undefined) {
      candidates.push(this.#serverTime.endAt(moment) - this.#doneUntilMs);
    }
    return candidates.length === 0 ? undefined : Math.max(0, Math.min(...candidates));
  }

  #answered(): void {
    this.#lastAnswerAtMs = this.#clock.nowMs();
  }

  #settle(streamId: string, peer: Retry["peer"]): void {
    if (this.#troubles.size > 0) this.#troubles.delete(`${streamId} ${peer}`);
  }

  #forget(streamId: string): void {
    for (const peer of PEERS) this.#settle(streamId, peer);
    this.#stalls.delete(streamId);
    this.#queues.delete(streamId);
  }

  #moment(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), nowMs: this.#clock.nowMs() };
  }
}

function classOf(streamId: string): StreamClass {
  return streamId.startsWith("session/") ? "session" : "log";
}

function createCounts(): Counts {
  return {
    received: 0,
    delivered: 0,
    filtered: 0,
    refused: 0,
    unreadable: 0,
    requests: { delivered: 0, retry: 0, rejected: 0, misconfigured: 0, aborted: 0 },
  };
}

function copyCounts(counts: Counts): EventCounts {
  return { ...counts, requests: { ...counts.requests } };
}
