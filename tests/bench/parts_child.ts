// deno-lint-ignore-file no-console -- this is how it talks to the benchmark
/**
 * A part of the program's work, in a process of its own: `parts_child.ts JSON`. Prints how many events
 * there were, in how many seconds and how much CPU time, without the start of the process.
 */
import process from "node:process";
import { systemClock } from "../../src/core/clock.ts";
import { createEventFilter } from "../../src/core/event_filter.ts";
import type { Position } from "../../src/core/position.ts";
import { encodeSessionPosition } from "../../src/core/session_position.ts";
import { readReceiverTls } from "../../src/fluentd/credentials.ts";
import { FluentdLanes, FluentdSink } from "../../src/fluentd/fluentd_sink.ts";
import { forwardStream } from "../../src/pipeline/forward_stream.ts";
import type { EventStream } from "../../src/pipeline/ports.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import type { AuthConnection } from "../../src/teleport/auth_connection.ts";
import { listChunks } from "../../src/teleport/chunk_list.ts";
import { ChunkStream } from "../../src/teleport/chunk_stream.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { SessionStream } from "../../src/teleport/session_stream.ts";
import { connect, createLogStream } from "./log_source.ts";
import { ignoreAll } from "./ignore_all.ts";
import { type Part, type PartResult, REQUEST_EVENTS } from "./part.ts";

const DAY_MS = 86_400_000;
/** The connection of the program; what is received is dropped. */
const NOWHERE = new AbortController().signal;
const MEGABYTE = 1024 * 1024;
/** Of a recording. */
const BEGINNING = { index: 0, uploadMs: 0, attempts: 0, dueMs: 0 };

/** Reads everything by the program's own connection and looks into nothing. */
async function receiveOnly(part: Part): Promise<number> {
  using connection = await connect(part);
  let count = 0;
  if (part.mode === "bulk") {
    for await (const { chunk, date } of listAll(part, connection)) {
      const request = { date: { seconds: BigInt(Date.parse(date) / 1000) }, chunk, cursor: "" };
      const batches = connection.auditLog.exportUnstructuredEvents(request, { timeoutMs: 0 });
      for await (const batch of batches) count += batch.length;
    }
    return count;
  }
  if (part.mode === "sessions") {
    for (const sessionId of part.sessionIds!) {
      const request = { sessionId, startIndex: 0 };
      const batches = connection.auditLog.streamUnstructuredSessionEvents(request, {
        timeoutMs: 0,
      });
      for await (const batch of batches) count += batch.length;
    }
    return count;
  }
  let pageSize = part.pageSize ?? 20;
  for (let startKey = "";;) {
    const answer = await connection.auditLog.getUnstructuredEvents({
      namespace: "default",
      startDate: { seconds: BigInt(part.startMs / 1000) },
      endDate: { seconds: BigInt(Math.floor(Date.now() / 1000)) },
      limit: pageSize,
      startKey,
    });
    count += answer.items.length;
    answer.release?.();
    startKey = answer.lastKey;
    if (startKey === "") return count;
    if (part.pageSize === undefined) pageSize = Math.min(pageSize * 2, 500);
  }
}

/** Reads everything as the program does, and drops it when it is ready to be sent. */
async function transcode(part: Part): Promise<number> {
  using connection = await connect(part);
  let count = 0;
  for await (const { position, stream } of streams(part, connection)) {
    for await (const page of stream.read(position, NOWHERE)) count += page.events.length;
  }
  return count;
}

/** Reads everything and posts it, as the program does; positions stay in memory. */
async function post(part: Part): Promise<number> {
  using connection = await connect(part);
  const { authority, certificate, key } = part.receiver!;
  using lanes = new FluentdLanes({
    tls: await readReceiverTls(
      { authority, client: { certificate, key, passphrase: undefined } },
      Date.now(),
    ),
    userAgent: "benchmark",
    timeoutMs: 30_000,
    clock: systemClock,
    logger: { isDebug: false, debug() {}, info() {}, warning() {}, error() {} },
    maxLanes: 10,
  });
  const limits = { maxEvents: REQUEST_EVENTS, maxBytes: 4 * MEGABYTE };
  let count = 0;
  for await (const { position, stream } of streams(part, connection)) {
    await forwardStream({
      stream,
      position,
      sink: new FluentdSink({ lanes, url: part.receiver!.url, limits }),
      filter: createEventFilter({ types: [], skipTypes: [] }),
      store: new MemoryPositionStore(),
      quarantine: { put: () => Promise.reject(new Error("An event was rejected")) },
      observer: { ...ignoreAll, delivered: (_, events) => void (count += events.length) },
      clock: systemClock,
      maxBytes: 2 * MEGABYTE,
      stop: NOWHERE,
      abort: NOWHERE,
    });
  }
  return count;
}

async function* listAll({ startMs }: Part, { auditLog }: AuthConnection) {
  for (let dateMs = startMs - startMs % DAY_MS; dateMs < Date.now(); dateMs += DAY_MS) {
    const date = new Date(dateMs).toISOString().slice(0, 10);
    const chunks = await listChunks({ auditLog, clock: systemClock }, date, NOWHERE);
    for (const chunk of chunks) yield { chunk, date };
  }
}

async function* streams(
  part: Part,
  connection: AuthConnection,
): AsyncGenerator<{ stream: EventStream; position: Position }> {
  if (part.mode === "paged") {
    const stream = createLogStream(part, connection);
    return yield { stream, position: encodeLogPosition(startOfLog(part.startMs)) };
  }
  const { auditLog } = connection;
  for (const sessionId of part.mode === "sessions" ? part.sessionIds! : []) {
    const stream = new SessionStream({ auditLog, clock: systemClock, sessionId });
    yield { stream, position: encodeSessionPosition(BEGINNING) };
  }
  if (part.mode === "sessions") return;
  for await (const { chunk, date } of listAll(part, connection)) {
    const stream = new ChunkStream({
      auditLog,
      clock: systemClock,
      date,
      chunk,
      isDone: () => false,
      isLive: () => false,
      onPassedOver() {},
    });
    yield { stream, position: { version: 1, cursor: "" } };
  }
}

const PARTS = { receiveOnly, transcode, post };

if (import.meta.main) {
  const part: Part = JSON.parse(Deno.args[0]!);
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const events = await PARTS[part.part](part);
  const seconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const result: PartResult = { events, seconds, cpuSeconds: (user + system) / 1e6 };
  console.log(JSON.stringify(result));
  if (!Deno.args.includes("--prof")) Deno.exit(0);
}
