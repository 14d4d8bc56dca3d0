import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import type { EventMessage, ExportedEvent } from "./event_messages.ts";
import {
  AuditLogService,
  type ExportUnstructuredEventsRequestSchema,
  type StreamUnstructuredSessionEventsRequestSchema,
} from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import type { GrpcCallLimits, GrpcTransport } from "./grpc_transport.ts";
import type { PagedAuditLog } from "./log_query.ts";

/** The streams of events, of which each step gives some at a time. */
interface EventStreams {
  exportUnstructuredEvents(
    request: MessageInitShape<typeof ExportUnstructuredEventsRequestSchema>,
    limits: GrpcCallLimits,
  ): AsyncIterable<readonly ExportedEvent[]>;
  streamUnstructuredSessionEvents(
    request: MessageInitShape<typeof StreamUnstructuredSessionEventsRequestSchema>,
    limits: GrpcCallLimits,
  ): AsyncIterable<readonly EventMessage[]>;
}

/** The calls that read the audit log. */
export type AuditLogClient =
  & Omit<Client<typeof AuditLogService>, keyof PagedAuditLog | keyof EventStreams>
  & PagedAuditLog
  & EventStreams;

/** Creates what the generated description says, but for the streams of events. */
export function createAuditLogClient(transport: GrpcTransport): AuditLogClient {
  const { exportUnstructuredEvents, streamUnstructuredSessionEvents } = AuditLogService.method;
  return {
    ...createClient(AuditLogService, transport),
    exportUnstructuredEvents: (request, limits) =>
      transport.readBatches(exportUnstructuredEvents, request, limits),
    streamUnstructuredSessionEvents: (request, limits) =>
      transport.readBatches(streamUnstructuredSessionEvents, request, limits),
  };
}
