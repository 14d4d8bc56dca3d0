import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { EventPage } from "./event_messages.ts";
import {
  type GetUnstructuredEventsRequestSchema,
  Order,
} from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import { toTeleportFault } from "./grpc_fault.ts";

/** The one call that reads the audit log by pages. */
export interface PagedAuditLog {
  getUnstructuredEvents(
    request: MessageInitShape<typeof GetUnstructuredEventsRequestSchema>,
    options?: CallOptions,
  ): Promise<EventPage>;
}

/** A question for one page of the audit log. */
export interface LogQuery {
  readonly startMs: number;
  readonly endMs: number;
  /** All when absent or empty. */
  readonly types?: readonly string[];
  readonly order: "oldest-first" | "newest-first";
  readonly limit: number;
  /** `lastKey` of the answer before; blank for the first page. */
  readonly cursor: string;
}

/** On the wire 0 means ascending and 1 descending, whatever the names say (proto/teleport/auditlog). */
const ORDERS = {
  "oldest-first": Order.DESCENDING_UNSPECIFIED,
  "newest-first": Order.ASCENDING,
} as const;

/** Asks for a page. @throws {Fault} which names the `purpose`. @throws `signal.reason`. */
export async function queryLog(
  auditLog: PagedAuditLog,
  query: LogQuery,
  { purpose, signal }: { readonly purpose: string; readonly signal: AbortSignal },
): Promise<EventPage> {
  signal.throwIfAborted();
  try {
    return await auditLog.getUnstructuredEvents({
      namespace: "default",
      startDate: timestampFromMs(query.startMs),
      endDate: timestampFromMs(query.endMs),
      eventTypes: [...query.types ?? []],
      limit: query.limit,
      startKey: query.cursor,
      order: ORDERS[query.order],
    }, { signal });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw toTeleportFault(purpose, error);
  }
}
