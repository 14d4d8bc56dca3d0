import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Order } from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import type { PagedAuditLog } from "./log_query.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
/** On the wire 1 means descending (proto/teleport/auditlog). */
const NEWEST_FIRST = Order.ASCENDING;

/**
 * Time of the newest event of the last day in milliseconds since the epoch, undefined when there is
 * none. Asking leaves no trace in the audit log. @throws what the call failed by.
 */
export async function readNewestEventTime(
  auditLog: PagedAuditLog,
  nowMs: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { items } = await auditLog.getUnstructuredEvents({
    namespace: "default",
    startDate: timestampFromMs(nowMs - DAY_MS),
    // A day ahead: our clock may be behind the server's.
    endDate: timestampFromMs(nowMs + DAY_MS),
    limit: 1,
    order: NEWEST_FIRST,
  }, { signal });
  const time = items[0]?.time;
  if (time === undefined) return undefined;
  return Number(time.seconds) * 1000 + Math.floor(time.nanos / 1e6);
}
