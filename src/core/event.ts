/**
 * Where a payload lies: in `memory` at `from`, up to `to`. Payloads share memory, so that thousands of
 * events can wait without an object for each. Where one begins a byte behind the end of another, a comma
 * stands between them.
 */
export interface Payload {
  readonly memory: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/**
 * One audit event on its way from Teleport to the receiver.
 *
 * It carries what the handler must know to filter, log and resume, and the payload as it will be
 * sent: one JSON object as UTF-8, on one line; empty when `defect` is set. The payload is made once, by
 * the stream that read it, and never parsed or written again.
 */
export interface AuditEvent extends Payload {
  /** Event type, such as `user.login`. */
  readonly type: string;
  /** Unique id given by the server; a hash of the payload where the event has none; never blank. */
  readonly id: string;
  /** Time of the event, in milliseconds since the epoch; 0 when the server sent none. */
  readonly timeMs: number;
  /** Set when the payload could not be turned into JSON; such an event can only be quarantined. */
  readonly defect?: EventDefect;
}

/** Why an event has no JSON payload, and the bytes as the server sent them. */
export interface EventDefect {
  readonly reason: string;
  readonly raw: Uint8Array;
}

/** The bytes of a payload, as a view of the memory. */
export function jsonOf({ from, memory, to }: Payload): Uint8Array {
  return memory.subarray(from, to);
}

/** How many bytes a payload has. */
export function jsonLength({ from, to }: Payload): number {
  return to - from;
}

/** A payload that shares its memory with no other. */
export function inOwnMemory(json: Uint8Array): Payload {
  return { memory: json, from: 0, to: json.length };
}

/**
 * Formats an event's time the way the Go handler logs it: `2021-06-08 11:00:56.034 +0000 UTC`. A
 * server may send any number, so a time that no calendar has is no reason to throw.
 */
export function formatEventTime(timeMs: number): string {
  const time = new Date(timeMs);
  if (isNaN(time.getTime())) return "unknown time";
  const [date, clock] = time.toISOString().split("T") as [string, string];
  // Years of more than four digits come with a sign and zeros, which Go does not print.
  return `${date.replace(/^\+0*/, "")} ${clock.replace(/\.?0*Z$/, "")} +0000 UTC`;
}
