import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { AuditLogClient } from "./audit_log_client.ts";
import { readWatchedStream } from "./watched_stream.ts";

/** A place in a chunk of a bulk export. */
export interface ChunkPlace {
  /** UTC date, as in `2026-01-31`. */
  readonly date: string;
  readonly chunk: string;
  readonly cursor: string;
}

/** What reading a chunk takes. */
export interface ChunkCursorOptions {
  readonly auditLog: Pick<AuditLogClient, "exportUnstructuredEvents">;
  readonly clock: Clock;
}

/**
 * Whether the server goes on behind a cursor, as far as its first answer tells. Servers refuse a cursor
 * in many ways: it is at fault when the chunk can be read without.
 *
 * @throws {Fault} when the chunk cannot be read at all. @throws `signal.reason`.
 */
export async function takesChunkCursor(
  options: ChunkCursorOptions,
  place: ChunkPlace,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await readFirst(options, place, signal);
    return true;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
  await readFirst(options, { ...place, cursor: "" }, signal);
  return false;
}

async function readFirst(
  { auditLog, clock }: ChunkCursorOptions,
  { chunk, cursor, date }: ChunkPlace,
  signal: AbortSignal,
): Promise<void> {
  const messages = readWatchedStream({
    purpose: `export chunk '${chunk}' of ${date}`,
    clock,
    signal,
    call: (signal) =>
      auditLog.exportUnstructuredEvents(
        { date: timestampFromMs(Date.parse(date)), chunk, cursor },
        { signal, timeoutMs: 0 },
      ),
  });
  for await (const _ of messages) return;
}
