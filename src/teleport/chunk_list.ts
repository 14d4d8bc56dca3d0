import type { Client } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { AuditLogService } from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import { readWatchedStream } from "./watched_stream.ts";

/** What listing chunks takes. */
export interface ChunkListOptions {
  readonly auditLog: Pick<Client<typeof AuditLogService>, "getEventExportChunks">;
  readonly clock: Clock;
  /** Longest wait for a message, in milliseconds. */
  readonly idleMs?: number;
}

/** A server cuts a day into some dozens of chunks. */
const MAX_CHUNKS = 100_000;
const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;

/**
 * Lists the chunks of a UTC date, such as `2026-01-31`, as the server knows them now.
 *
 * @throws {Fault} of kind `unsupported` when the server has no bulk export.
 */
export async function listChunks(
  options: ChunkListOptions,
  date: string,
  signal: AbortSignal,
): Promise<string[]> {
  const messages = readWatchedStream({
    purpose: `list the chunks of ${date}`,
    clock: options.clock,
    ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
    signal,
    call: (signal) =>
      options.auditLog.getEventExportChunks(
        { date: timestampFromMs(Date.parse(date)) },
        { signal, timeoutMs: 0 },
      ),
  });
  const chunks: string[] = [];
  for await (const { chunk } of messages) {
    if (chunks.length === MAX_CHUNKS) {
      throw new Fault("protocol", `Cannot list the chunks of ${date}: more than ${MAX_CHUNKS}`);
    }
    chunks.push(chunk);
  }
  return chunks;
}

/**
 * Whether the server has bulk export, asked as the official handler does: by a date that has no
 * events yet.
 *
 * @throws {Fault} when the server cannot be asked.
 */
export async function probeBulkExport(
  options: ChunkListOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const date = new Date(options.clock.nowMs() + TWO_DAYS_MS).toISOString().slice(0, 10);
  try {
    await listChunks(options, date, signal);
    return true;
  } catch (error) {
    if (error instanceof Fault && error.kind === "unsupported") return false;
    throw error;
  }
}
