import type { Client } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type AuditLogService, Order } from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import { toTeleportFault } from "./grpc_fault.ts";
import { afterEvents, type DoneEvent, type LogPosition, startOfLog } from "./log_position.ts";

/** Which event to look for, and where. */
export interface LogSearchOptions {
  readonly auditLog: Pick<Client<typeof AuditLogService>, "getUnstructuredEvents">;
  readonly id: string;
  /** Start of the export and earliest time to look at; milliseconds since the epoch. */
  readonly startMs: number | undefined;
  /** Present time; milliseconds since the epoch. */
  readonly nowMs: number;
}

/** How far back to look when no start is given. */
export const SEARCH_DAYS = 366;
const DAY_MS = 24 * 60 * 60 * 1000;

const PAGE_SIZE = 500;
/** On the wire 1 means descending and 0 ascending, whatever the names say (proto/teleport/auditlog). */
const NEWEST_FIRST = Order.ASCENDING;
const OLDEST_FIRST = Order.DESCENDING_UNSPECIFIED;

/**
 * Finds the position after the event with the given id, newest first, whatever its type; undefined
 * when there is none in that time.
 *
 * @throws {Fault} when the server cannot be asked.
 */
export async function findPositionAfter(
  options: LogSearchOptions,
  signal: AbortSignal,
): Promise<LogPosition | undefined> {
  const { id, nowMs, startMs } = options;
  const range = {
    fromMs: startMs ?? nowMs - SEARCH_DAYS * DAY_MS,
    // A day ahead: our clock may be behind the server's.
    untilMs: nowMs + DAY_MS,
    order: NEWEST_FIRST,
  };
  for await (const event of readRange(options, range, signal)) {
    if (event.id !== id) continue;
    // What comes before it within its second is done as well, in the order in which it is exported.
    const secondMs = Math.floor(event.timeMs / 1000) * 1000;
    const second = { fromMs: secondMs, untilMs: secondMs + 999, order: OLDEST_FIRST };
    const done: DoneEvent[] = [];
    for await (const earlier of readRange(options, second, signal)) {
      done.push(earlier);
      if (earlier.id === id) break;
    }
    return afterEvents(startOfLog(startMs ?? secondMs), done, {
      limitMs: event.timeMs,
      untilMs: event.timeMs,
    });
  }
  return undefined;
}

async function* readRange(
  options: LogSearchOptions,
  range: { fromMs: number; untilMs: number; order: Order },
  signal: AbortSignal,
): AsyncGenerator<DoneEvent> {
  let startKey = "";
  do {
    try {
      const page = await options.auditLog.getUnstructuredEvents({
        namespace: "default",
        startDate: timestampFromMs(range.fromMs),
        endDate: timestampFromMs(range.untilMs),
        limit: PAGE_SIZE,
        startKey,
        order: range.order,
      }, { signal });
      startKey = page.lastKey === startKey ? "" : page.lastKey;
      for (const { id, time } of page.items) {
        const timeMs = Number(time?.seconds ?? 0n) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
        yield { id, timeMs };
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toTeleportFault("look for the event of --cursor", error);
    }
  } while (startKey !== "");
}
