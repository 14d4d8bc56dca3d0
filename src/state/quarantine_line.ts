import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { formatError } from "../core/fault.ts";
import type { RejectedEvent } from "../pipeline/ports.ts";

/** One line of the quarantine, read back. */
export interface QuarantineEntry {
  /** Names the line: the beginning of its hash, which neither a new line nor a lost one changes. */
  readonly key: string;
  /** The line as it stands, without its end. */
  readonly line: Uint8Array<ArrayBuffer>;
  /** What it says; a line that a crash cut or a stranger wrote has its defect in place of it. */
  readonly content: QuarantineContent | { readonly defect: string };
}

/** What a line says. */
export interface QuarantineContent {
  /** When the event was put there, as RFC 3339. */
  readonly quarantinedAt: string;
  readonly stream: string;
  /** Why, in the receiver's words. */
  readonly reason: string;
  readonly id: string;
  readonly type: string;
  /** Time of the event, as RFC 3339; milliseconds where no calendar has it. */
  readonly time: string | number | null;
  /** The event as it would have been sent; undefined when it has no JSON and lies there raw. */
  readonly json: Uint8Array<ArrayBuffer> | undefined;
}

/** Digits of a key: enough for a million lines. */
const KEY_LENGTH = 12;
/** In a head nothing but a key can read like this: within a text, quotation marks are escaped. */
const EVENT_KEY = ',"event":';

/**
 * Formats a rejected event as one line with its end. It holds when and why the event was rejected, its
 * stream, id, type and time, and the event as it would have been sent (`event`) or, where it could not
 * be made into JSON, its bytes as the server sent them (`raw`, base64).
 */
export function formatQuarantineLine(
  { event, reason, streamId }: RejectedEvent,
  nowMs: number,
): Uint8Array<ArrayBuffer> {
  const head = JSON.stringify({
    quarantinedAt: new Date(nowMs).toISOString(),
    stream: streamId,
    reason,
    id: event.id,
    type: event.type,
    time: formatTime(event.timeMs),
  });
  // The payload goes in as the bytes that it is.
  const payload = event.defect === undefined
    ? event.json
    : new TextEncoder().encode(`"${Buffer.from(event.defect.raw).toString("base64")}"`);
  const start = new TextEncoder().encode(
    `${head.slice(0, -1)}${event.defect === undefined ? EVENT_KEY : ',"raw":'}`,
  );
  const line = new Uint8Array(start.length + payload.length + 2);
  line.set(start);
  line.set(payload, start.length);
  line.set([0x7d, 0x0a], start.length + payload.length);
  return line;
}

/** Reads a line without its end. Never throws: what is no line of ours is an entry with a defect. */
export function parseQuarantineLine(line: Uint8Array<ArrayBuffer>): QuarantineEntry {
  const key = createHash("sha256").update(line).digest("hex").slice(0, KEY_LENGTH);
  try {
    return { key, line, content: parseContent(line) };
  } catch (error) {
    return { key, line, content: { defect: formatError(error) } };
  }
}

/** @throws {SyntaxError} */
function parseContent(line: Uint8Array<ArrayBuffer>): QuarantineContent {
  let text: string;
  let fields: { readonly [name: string]: unknown };
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(line);
    fields = JSON.parse(text);
  } catch {
    throw new SyntaxError("Not a whole line of JSON");
  }
  const { id, quarantinedAt, reason, stream, time, type } = fields ?? {};
  if (
    typeof id !== "string" || typeof quarantinedAt !== "string" || typeof reason !== "string" ||
    typeof stream !== "string" || typeof type !== "string" ||
    !(typeof time === "string" || typeof time === "number" || time === null)
  ) {
    throw new SyntaxError("Not a line of a quarantine");
  }
  const isRaw = typeof fields["raw"] === "string";
  return { id, quarantinedAt, reason, stream, time, type, json: isRaw ? undefined : cut(line) };
}

/** Cuts the event out of a line as the bytes that it is. */
function cut(line: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(EVENT_KEY);
  const json = line.subarray(at + EVENT_KEY.length, line.lastIndexOf(0x7d));
  try {
    if (at === -1) throw new SyntaxError("No event");
    const event = JSON.parse(new TextDecoder().decode(json));
    if (typeof event === "object" && event !== null && !Array.isArray(event)) return json;
  } catch {
    // Somebody has written the line in another form.
  }
  throw new SyntaxError("Not a line as the quarantine writes it");
}

/** A server may send a time that no calendar has; it is kept as the number that it is. */
function formatTime(timeMs: number): string | number {
  const time = new Date(timeMs);
  return isNaN(time.getTime()) ? timeMs : time.toISOString();
}
