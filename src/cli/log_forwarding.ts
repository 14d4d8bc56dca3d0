import { formatAddress } from "../config/address_text.ts";
import type { Config } from "../config/config.ts";
import { createEventFilter } from "../core/event_filter.ts";
import type { AuditEvent } from "../core/event.ts";
import type { Position } from "../core/position.ts";
import { Fault } from "../core/fault.ts";
import { ChunkRunner, type ChunkStart } from "../pipeline/chunk_runner.ts";
import { ChunkScheduler } from "../pipeline/chunk_scheduler.ts";
import type { Evidence } from "../pipeline/evidence.ts";
import type { Lockout } from "../pipeline/lockout.ts";
import { forwardByMode } from "../pipeline/log_modes.ts";
import type { StreamEnd, StreamPosition, StreamSharing } from "../pipeline/ports.ts";
import { findOpenedSessions } from "../pipeline/open_sessions.ts";
import type { SessionScheduler } from "../pipeline/session_scheduler.ts";
import { superviseStream } from "../pipeline/supervise_stream.ts";
import { waitForStore } from "../pipeline/wait_for_store.ts";
import {
  type BulkPosition,
  decodeBulkPosition,
  encodeBulkPosition,
  startOfBulk,
  toLogPosition,
} from "../teleport/bulk_position.ts";
import { listChunks, probeBulkExport } from "../teleport/chunk_list.ts";
import { ChunkStream } from "../teleport/chunk_stream.ts";
import {
  decodeLogPosition,
  type DoneEvent,
  encodeLogPosition,
  type LogPosition,
} from "../teleport/log_position.ts";
import { LogStream } from "../teleport/log_stream.ts";
import { createEvidence, forward, type Forwarding, toForwardOptions } from "./forwarding.ts";

/** Waiting between Teleport and Fluentd: enough for the next request to be ready in time. */
const MAX_LOG_BYTES = 2 * 1024 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;

/** Forwards the audit log, by pages or by chunks, whichever the server offers at the time. */
export class LogForwarding {
  readonly #forwarding: Forwarding;
  readonly #sessions: SessionScheduler | undefined;
  readonly #lockout: Lockout | undefined;
  readonly #sharing: StreamSharing | undefined;
  /** Forwards this replica's part of the chunks that the leader lists. */
  readonly #chunks: ChunkRunner | undefined;
  /** What the leader has stored of the export, and when that was read. */
  #export: { readonly position: BulkPosition; readonly readAtMs: number } | undefined;
  readonly #onMode: (mode: "paged" | "bulk") => void;
  /** Of all chunks: one may hold nothing but an event that is refused. */
  readonly #evidence: Evidence;

  constructor(
    forwarding: Forwarding,
    options: {
      /** Takes the sessions that uploads open; recordings are not forwarded without. */
      readonly sessions: SessionScheduler | undefined;
      /** Takes failed logins; nobody is locked without. */
      readonly lockout: Lockout | undefined;
      /** Shares chunks out between replicas. */
      readonly sharing?: StreamSharing | undefined;
      readonly onMode: (mode: "paged" | "bulk") => void;
    },
  ) {
    this.#forwarding = forwarding;
    this.#evidence = createEvidence(forwarding.config);
    this.#sessions = options.sessions;
    this.#lockout = options.lockout;
    this.#sharing = options.sharing;
    this.#onMode = options.onMode;
    if (this.#sharing === undefined) return;
    this.#chunks = new ChunkRunner({
      ...this.#chunkOptions(forwarding.stop),
      forward: (chunk, stop) => this.#forwardSharedChunk(chunk, stop),
    });
    forwarding.status.useChunks(() => this.#chunks?.counts);
  }

  /** Runs until stopped or, where asked for, caught up. @throws {Fault} */
  async run(firstPosition: LogPosition): Promise<void> {
    const { clock, config, connection: { auditLog }, observer, stop } = this.#forwarding;
    const idleMs = config.teleportTimeoutMs;
    await forwardByMode({
      clock,
      observer,
      stop,
      onMode: this.#onMode,
      probeBulk: async (signal) => {
        try {
          return await probeBulkExport({ auditLog, clock, idleMs }, signal);
        } catch (error) {
          throw toStartFault(error, config.teleportAddr);
        }
      },
      wasBulk: async () => await this.#readStored("bulk", stop) !== undefined,
      runPaged: (stop) => this.#runPaged(firstPosition, stop),
      runBulk: (stop) => this.#runBulk(firstPosition, stop),
    });
  }

  /** Forwards chunks that the leader lists, until stopped or drained; nothing without replicas. */
  async runShared(): Promise<void> {
    await this.#chunks?.run();
  }

  /** Lets `runShared` end once nothing is left for this replica. */
  drainShared(): void {
    this.#chunks?.drain();
  }

  async #runPaged(firstPosition: LogPosition, stop: AbortSignal): Promise<void> {
    const { clock, config, connection: { auditLog }, observer } = this.#forwarding;
    await waitForStore(() => this.#leaveBulk(), { ...this.#forwarding, streamId: "log", stop });
    const stream = new LogStream({
      auditLog,
      clock,
      types: config.types,
      pageSize: config.batch,
      windowMs: config.windowSizeMs,
      pollMs: config.timeoutMs,
      lookbackMs: config.lookbackMs,
      endWhenCaughtUp: config.exitOnLastEvent,
      stallMs: config.stallAfterMs,
      onStalled: (reason) => observer.stalled("log", reason),
      onMoving: (attempts) => observer.recovered("log", "source", attempts),
      onPassedOver: (reason) => observer.abandoned("log", reason),
    });
    await superviseStream({
      ...toForwardOptions(this.#forwarding, {
        ...this.#logOptions(stop),
        stream,
        maxBytes: MAX_LOG_BYTES,
      }),
      firstPosition: encodeLogPosition(firstPosition),
    });
  }

  async #runBulk(firstPosition: LogPosition, stop: AbortSignal): Promise<void> {
    const { clock, config, connection: { auditLog }, status, store } = this.#forwarding;
    const first = await waitForStore(
      () => this.#readBulkPosition(firstPosition),
      { ...this.#forwarding, streamId: "bulk", stop },
    );
    if (first === undefined) return;
    let position = first;
    const isDone = createLogCheck(position.log);
    const idleMs = config.teleportTimeoutMs;
    const scheduler: ChunkScheduler = new ChunkScheduler({
      ...this.#chunkOptions(stop),
      pollMs: config.timeoutMs,
      endWhenCaughtUp: config.exitOnLastEvent,
      onOpened: () => this.#chunks?.wake(),
      list: (date, signal) => listChunks({ auditLog, clock, idleMs }, date, signal),
      forward: (chunk, stop) =>
        this.#forwardChunk(chunk, { isDone, isLive: () => scheduler.isLive, stop }),
      onProgress: async ({ date, idleAtMs }) => {
        position = { ...position, date, idleAtMs: idleAtMs ?? position.idleAtMs };
        await store.commit({ streamId: "bulk", position: encodeBulkPosition(position) });
      },
    });
    if (this.#sharing !== undefined) return await scheduler.run(position.date);
    status.useChunks(() => scheduler.counts);
    try {
      await scheduler.run(position.date);
    } finally {
      status.useChunks(() => undefined);
    }
  }

  #chunkOptions(stop: AbortSignal) {
    const { clock, config, observer, store } = this.#forwarding;
    return {
      concurrency: config.concurrency,
      aside: this.#evidence,
      stallMs: config.stallAfterMs,
      clock,
      store,
      observer,
      stop,
      sharing: this.#sharing,
      lookMs: config.leaseRetryMs,
    };
  }

  /** What the leader knows of the export, a replica that forwards a chunk reads in the store. */
  async #forwardSharedChunk(
    chunk: ChunkStart,
    stop: AbortSignal,
  ): Promise<StreamEnd | undefined> {
    const { idleAtMs, log } = await this.#readExport();
    const isLive = () => idleAtMs !== undefined;
    return await this.#forwardChunk(chunk, { isDone: createLogCheck(log), isLive, stop });
  }

  /** Not for each chunk: it changes seldom, and an older one repeats events at the worst. */
  async #readExport(): Promise<BulkPosition> {
    const { clock, config, store } = this.#forwarding;
    const nowMs = clock.monotonicMs();
    if (this.#export !== undefined && nowMs - this.#export.readAtMs < config.leaseRetryMs) {
      return this.#export.position;
    }
    const stored = await store.read("bulk");
    if (stored === undefined) {
      throw new Fault("unavailable", "The audit log is read by pages at the moment");
    }
    const position = decodeBulkPosition(stored);
    this.#export = { position, readAtMs: nowMs };
    return position;
  }

  async #forwardChunk(
    { chunk, date, position }: ChunkStart,
    { isDone, isLive, stop }: {
      readonly isDone: (event: DoneEvent) => boolean;
      readonly isLive: () => boolean;
      readonly stop: AbortSignal;
    },
  ): Promise<StreamEnd | undefined> {
    const { clock, config, connection: { auditLog }, observer } = this.#forwarding;
    const stream = new ChunkStream({
      auditLog,
      clock,
      idleMs: config.teleportTimeoutMs,
      chunk,
      date,
      isDone,
      isLive,
      onPassedOver: (reason) => observer.abandoned(`chunk/${date}/${chunk}`, reason),
    });
    const options = { ...this.#logOptions(stop), stream, maxBytes: MAX_CHUNK_BYTES };
    return await forward(this.#forwarding, options, position);
  }

  async #readStored(streamId: string, stop: AbortSignal): Promise<Position | undefined> {
    const { store } = this.#forwarding;
    return await waitForStore(() => store.read(streamId), { ...this.#forwarding, streamId, stop });
  }

  async #leaveBulk(): Promise<void> {
    const { store } = this.#forwarding;
    const bulk = await store.read("bulk");
    if (bulk === undefined) return;
    const position = encodeLogPosition(toLogPosition(decodeBulkPosition(bulk)));
    await store.commit({ streamId: "log", position, forget: ["bulk"] });
  }

  async #readBulkPosition(firstPosition: LogPosition): Promise<BulkPosition> {
    const { store } = this.#forwarding;
    const stored = await store.read("bulk");
    if (stored !== undefined) return decodeBulkPosition(stored);
    const log = await store.read("log");
    const position = startOfBulk(log === undefined ? firstPosition : decodeLogPosition(log));
    await store.commit({
      streamId: "bulk",
      position: encodeBulkPosition(position),
      forget: ["log"],
    });
    return position;
  }

  #logOptions(stop: AbortSignal) {
    const { config } = this.#forwarding;
    return {
      filter: createEventFilter({ types: config.types, skipTypes: config.skipEventTypes }),
      url: config.fluentdUrl,
      evidence: this.#evidence,
      stop,
      findOpened: (events: readonly AuditEvent[]) => this.#findOpened(events),
      onOpened: (streams: readonly StreamPosition[]) => {
        this.#sessions?.open(streams);
        // Of several replicas the leader alone counts failed logins, and reads them in the store.
        if (this.#sharing === undefined) this.#lockout?.open(streams);
      },
    };
  }

  /** What events cause: recordings to forward, failed logins to count. */
  #findOpened(events: readonly AuditEvent[]): readonly StreamPosition[] {
    const { observer } = this.#forwarding;
    const failed = this.#lockout?.findFailedLogins(events) ?? [];
    if (this.#sessions === undefined) return failed;
    const sessions = findOpenedSessions(events, (event, sid) => {
      const text = JSON.stringify(sid)?.slice(0, 100) ?? "missing";
      const reason = `The upload event '${event.id}' names no session: its sid is ${text}`;
      observer.abandoned(`session/${event.id}`, reason);
    });
    return [...sessions, ...failed];
  }
}

/** Whether an event of a chunk lies before the position of the log, or is done there. */
function createLogCheck(log: LogPosition): (event: DoneEvent) => boolean {
  // Not used up as it is asked: a chunk that breaks off is read again.
  const doneIds = new Set(log.done.map(({ id }) => id));
  // An event without a time may be of any; it is not for us to say that it is too old.
  return ({ id, timeMs }) =>
    timeMs !== 0 && timeMs < log.fromMs || doneIds.size > 0 && doneIds.has(id);
}

/** The first call of a run is the one at which a wrong address shows. */
function toStartFault(error: unknown, address: Config["teleportAddr"]): unknown {
  if (!(error instanceof Fault) || error.kind !== "unavailable") return error;
  return new Fault("unavailable", `No answer from ${formatAddress(address)}: ${error.message}`, {
    hint: error.hint ??
      "Check that teleport.addr names the auth server or a proxy, and that it runs",
    cause: error,
  });
}
