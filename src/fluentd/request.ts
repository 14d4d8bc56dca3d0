import type { AuditEvent } from "../core/event.ts";

const OPEN = 0x5b;
const COMMA = 0x2c;
const CLOSE = 0x5d;

/**
 * Builds the bodies of requests, one at a time: a lone event as the bare object that the Go handler
 * sends, several as one JSON array on one line, the only batch format that Fluentd of every version,
 * Fluent Bit, Vector and Logstash all take. The payloads go in as they are.
 *
 * A body is valid until the next one is built: they share their memory, which would otherwise be half
 * a megabyte of garbage for each request.
 */
export class RequestBody {
  #memory = new Uint8Array(64 * 1024);

  /** The body for the events. */
  build(events: readonly AuditEvent[]): Uint8Array<ArrayBuffer> {
    const body = this.#reserve(bodyLength(events));
    if (events.length === 1) {
      body.set(events[0]!.json);
      return body;
    }
    let at = 0;
    body[at++] = OPEN;
    for (const { json } of events) {
      if (at > 1) body[at++] = COMMA;
      body.set(json, at);
      at += json.length;
    }
    body[at] = CLOSE;
    return body;
  }

  #reserve(length: number): Uint8Array<ArrayBuffer> {
    if (length > this.#memory.length) this.#memory = new Uint8Array(Math.ceil(length * 1.25));
    return this.#memory.subarray(0, length);
  }
}

/** Bytes of the body for the events. */
export function bodyLength(events: readonly AuditEvent[]): number {
  if (events.length === 1) return events[0]!.json.length;
  return events.reduce((sum, event) => sum + event.json.length, Math.max(events.length - 1, 0) + 2);
}
