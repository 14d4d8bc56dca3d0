import { type AuditEvent, jsonLength, jsonOf } from "../core/event.ts";

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
      body.set(jsonOf(events[0]!));
      return body;
    }
    let at = 0;
    body[at++] = OPEN;
    for (let index = 0; index < events.length;) {
      if (index > 0) body[at++] = COMMA;
      const { from, memory } = events[index]!;
      let { to } = events[index]!;
      // What lies in one row is copied as one, with the commas between.
      for (index++; index < events.length; index++) {
        const next = events[index]!;
        if (next.memory !== memory || next.from !== to + 1) break;
        to = next.to;
      }
      body.set(memory.subarray(from, to), at);
      at += to - from;
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
  if (events.length === 1) return jsonLength(events[0]!);
  const separators = Math.max(events.length - 1, 0) + 2;
  return events.reduce((sum, event) => sum + jsonLength(event), separators);
}
