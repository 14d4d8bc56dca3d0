import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { jsonOf } from "../core/event.ts";
import { formatError } from "../core/fault.ts";
import type { RejectedEvent } from "../pipeline/ports.ts";

/** One line of the quarantine, read back. It is looked into when it is asked, and not before. */
export class QuarantineEntry {
  /** The line as it stands, without its end. */
  readonly line: Uint8Array<ArrayBuffer>;
  #key: string | undefined;
  #content: QuarantineEntry["content"] | undefined;

  constructor(line: Uint8Array<ArrayBuffer>) {
    this.line = line;
  }

  /** Names the line: the beginning of its hash, which no line that comes or goes changes. */
  get key(): string {
    return this.#key ??= createHash("sha256").update(this.line).digest("hex").slice(0, KEY_LENGTH);
  }

  /** What it says; a line that a crash cut or a stranger wrote has its defect in place of it. */
  get content(): QuarantineContent | { readonly defect: string } {
    return this.#content ??= parseLine(this.line);
  }
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
    ? jsonOf(event)
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

function parseLine(line: Uint8Array<ArrayBuffer>): QuarantineEntry["content"] {
  try {
    return parseContent(line);
  } catch (error) {
    return { defect: formatError(error) };
  }
}

/** @throws {SyntaxError} */
function parseContent(line: Uint8Array<ArrayBuffer>): QuarantineContent {
  let fields: { readonly [name: string]: unknown };
  try {
    fields = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line));
  } catch {
    throw new SyntaxError("Not a whole line of JSON");
  }
  const { event, id, quarantinedAt, raw, reason, stream, time, type } = fields ?? {};
  if (
    typeof id !== "string" || typeof quarantinedAt !== "string" || typeof reason !== "string" ||
    typeof stream !== "string" || typeof type !== "string" ||
    !(typeof time === "string" || typeof time === "number" || time === null) ||
    !(typeof raw === "string" || isObject(event))
  ) {
    throw new SyntaxError("Not a line of a quarantine");
  }
  const json = typeof raw === "string" ? undefined : cutEvent(line, Object.keys(fields).length);
  return { id, quarantinedAt, reason, stream, time, type, json };
}

/** Cuts the event, which must be the last of so many fields, out of a line as the bytes that it is. */
function cutEvent(line: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer> {
  const at = Buffer.from(line.buffer, line.byteOffset, line.length).indexOf(EVENT_KEY);
  try {
    const head = JSON.parse(`${new TextDecoder().decode(line.subarray(0, at))}}`);
    if (at !== -1 && Object.keys(head).length === count - 1) {
      return line.subarray(at + EVENT_KEY.length, line.lastIndexOf(0x7d));
    }
  } catch {
    // Somebody has written the line in another form.
  }
  throw new SyntaxError("Not a line as the quarantine writes it");
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A server may send a time that no calendar has; it is kept as the number that it is. */
function formatTime(timeMs: number): string | number {
  const time = new Date(timeMs);
  return isNaN(time.getTime()) ? timeMs : time.toISOString();
}
