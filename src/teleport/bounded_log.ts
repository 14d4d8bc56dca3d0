import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { PagedAuditLog } from "./log_query.ts";

/**
 * The same audit log as if it ended at a time: nothing later is asked for. Events of that very moment
 * may still come, because servers differ in whether the end of a window belongs to it.
 */
export function boundLog(auditLog: PagedAuditLog, untilMs: number): PagedAuditLog {
  return {
    async getUnstructuredEvents(request, options) {
      const { endDate, startDate } = request;
      if (startDate !== undefined && toMs(startDate) > untilMs) {
        return { items: [], lastKey: "" };
      }
      const endMs = endDate === undefined ? untilMs : Math.min(toMs(endDate), untilMs);
      return await auditLog.getUnstructuredEvents(
        { ...request, endDate: timestampFromMs(endMs) },
        options,
      );
    },
  };
}

function toMs({ nanos = 0, seconds = 0n }: { nanos?: number; seconds?: bigint }): number {
  return timestampMs({ $typeName: "google.protobuf.Timestamp", seconds, nanos });
}
