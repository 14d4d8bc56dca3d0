import type { AuditEvent } from "../core/event.ts";

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;

/**
 * Builds the body of one request: a lone event as the bare object that the Go handler sends, several
 * as one JSON array on one line, the only batch format that Fluentd of every version, Fluent Bit,
 * Vector and Logstash all take. The payloads go in as they are.
 */
export function buildRequestBody(events: readonly AuditEvent[]): Uint8Array<ArrayBuffer> {
  if (events.length === 1) return new Uint8Array(events[0]!.json);
  let length = Math.max(2, events.length + 1);
  for (const event of events) length += event.json.length;
  const body = new Uint8Array(length);
  let at = 0;
  for (const event of events) {
    body[at] = at === 0 ? OPEN : COMMA;
    body.set(event.json, at + 1);
    at += 1 + event.json.length;
  }
  if (at === 0) body[at++] = OPEN;
  body[at] = CLOSE;
  return body;
}
