import { createHash } from "node:crypto";
import { type AuditEvent, inOwnMemory } from "../core/event.ts";
import { formatError } from "../core/fault.ts";
import type { EventMessage, EventPage } from "./event_messages.ts";
import type { StructJsonWriter } from "./struct_json.ts";

/** Ids are UUIDs or hashes. What JSON would make longer is not plain: a position holds many. */
const PLAIN_ID = /^[ !#-[\]-~]{1,256}$/;
const MAX_TYPE = 256;

/**
 * Converts an event of the wire; a payload that cannot be written as JSON becomes its `defect`. An
 * event without an id gets a hash of its payload for one: what has no name could not be told from
 * others when it is read again (gravitational/teleport-plugins#271).
 */
export function toAuditEvent(message: EventMessage, writer: StructJsonWriter): AuditEvent {
  const { time, unstructured } = message;
  const type = message.type.slice(0, MAX_TYPE);
  const timeMs = time === undefined
    ? 0
    : Number(time.seconds) * 1000 + Math.floor(time.nanos / 1_000_000);
  const id = message.id.trim() === "" ? hash(unstructured) : shorten(message.id);
  try {
    const { from, memory, to } = writer.write(unstructured);
    return { type, id, timeMs, memory, from, to };
  } catch (error) {
    const reason = `Payload is not a well-formed Struct: ${formatError(error)}`;
    // A copy, for the memory of messages is given back; `slice()` of a Node.js buffer would be a view.
    const raw = new Uint8Array(unstructured);
    return { type, id, timeMs, ...inOwnMemory(new Uint8Array(0)), defect: { reason, raw } };
  }
}

/** Converts the events of a page, and gives the page's memory back: its payloads are gone then. */
export function toAuditEvents(
  { items, release }: EventPage,
  writer: StructJsonWriter,
): AuditEvent[] {
  const events = items.map((item) => toAuditEvent(item, writer));
  release?.();
  return events;
}

/** An id that no log line and no stored position has room for, or that is no text, gives way to its hash. */
function shorten(id: string): string {
  return PLAIN_ID.test(id) ? id : hash(new TextEncoder().encode(id));
}

function hash(bytes: Uint8Array): string {
  return `sha256-${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}`;
}
