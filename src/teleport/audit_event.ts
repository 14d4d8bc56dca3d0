import type { AuditEvent } from "../core/event.ts";
import { formatError } from "../core/fault.ts";
import type { EventUnstructured } from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import type { StructJsonWriter } from "./struct_json.ts";

/** Converts an event of the wire; a payload that cannot be written as JSON becomes its `defect`. */
export function toAuditEvent(message: EventUnstructured, writer: StructJsonWriter): AuditEvent {
  const { type, id, time, unstructured } = message;
  const timeMs = time === undefined
    ? 0
    : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000);
  try {
    return { type, id, timeMs, json: writer.write(unstructured) };
  } catch (error) {
    const reason = `Payload is not a well-formed Struct: ${formatError(error)}`;
    return { type, id, timeMs, json: new Uint8Array(0), defect: { reason, raw: unstructured } };
  }
}
