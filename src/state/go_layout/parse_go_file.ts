import { parseRfc3339 } from "../../core/rfc3339.ts";
import type { GoSession } from "./go_state.ts";

/** A value that was read, or what is wrong with it. */
export type Parsed<T> = { readonly value: T } | { readonly defect: string };

const INDEX_BYTES = 8;
/** The API asks for an event of a recording by a number of 32 bits. */
const MAX_INDEX = 2 ** 31 - 1;
const MAX_CURSOR = 4096;
const MAX_ID = 256;
/** What Go writes for a time that was never set is of the year 1. */
const YEAR_2_MS = Date.parse("0002-01-01T00:00:00Z");
/** A clock may be wrong; a day that is not there yet is a damaged digit. */
const MAX_AHEAD_MS = 24 * 60 * 60 * 1000;

/** Parses `start_time` and `window_time`; undefined when unset. */
export function parseGoTime(bytes: Uint8Array, nowMs: number): Parsed<number | undefined> {
  const text = decode(bytes)?.trim();
  if (text === "") return { value: undefined };
  let ms: number;
  try {
    ms = parseRfc3339(text ?? "");
  } catch {
    return { defect: `holds no time, but ${quote(bytes)}` };
  }
  if (ms < YEAR_2_MS) return { value: undefined };
  if (ms > nowMs + MAX_AHEAD_MS) return { defect: `holds a time to come, ${text}` };
  return { value: Math.floor(ms / 1000) * 1000 };
}

/** Parses `id`, in which people write by hand at times. */
export function parseGoId(bytes: Uint8Array): Parsed<string> {
  const text = decode(bytes)?.trim();
  const isId = text !== undefined && text.length <= MAX_ID && !/[\s\p{Cc}]/u.test(text);
  return isId ? { value: text } : { defect: `holds no id of an event, but ${quote(bytes)}` };
}

/** Parses `cursor`, and the cursor of a chunk, of which nobody but the server knows the form. */
export function parseGoCursor(bytes: Uint8Array): Parsed<string> {
  const text = decode(bytes);
  // A block that never reached the disk.
  if (text === undefined || text.includes("\0")) {
    return { defect: `holds no cursor, but ${quote(bytes)}` };
  }
  if (text.length > MAX_CURSOR) return { defect: `holds ${text.length} characters` };
  return { value: text };
}

/** Parses `session<sid>`. */
export function parseGoSession(bytes: Uint8Array): Parsed<GoSession> {
  if (bytes.length !== INDEX_BYTES) {
    return { defect: `holds ${bytes.length} bytes in place of ${INDEX_BYTES}` };
  }
  const index = new DataView(bytes.buffer, bytes.byteOffset, INDEX_BYTES).getBigUint64(0);
  if (index > MAX_INDEX) return { defect: `holds ${index}, which is no index of an event` };
  return { value: { index: Number(index), uploadMs: 0, attempts: 0 } };
}

/** Writes `session<sid>`. */
export function formatGoSession(index: number): Uint8Array {
  const bytes = new Uint8Array(INDEX_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(index));
  return bytes;
}

/** Parses `missing_recording<sid>`. */
export function parseGoMissing(bytes: Uint8Array): Parsed<GoSession> {
  let json: unknown;
  try {
    json = JSON.parse(decode(bytes) ?? "");
  } catch {
    return { defect: `holds no whole JSON, but ${quote(bytes)}` };
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return { defect: `holds no JSON object, but ${quote(bytes)}` };
  }
  const { Index: index, Attempt: attempts, Timestamp: time } = json as Record<string, unknown>;
  if (!isCount(index) || index > MAX_INDEX) return { defect: "names no Index" };
  const uploadMs = typeof time === "string" ? Date.parse(time) : NaN;
  return {
    value: {
      index,
      uploadMs: uploadMs > 0 ? uploadMs : 0,
      attempts: isCount(attempts) ? Math.min(attempts, 100) : 0,
    },
  };
}

/** Writes `missing_recording<sid>`. */
export function formatGoMissing({ attempts, index, uploadMs }: GoSession): Uint8Array {
  const time = uploadMs > 0 ? new Date(uploadMs).toISOString() : "0001-01-01T00:00:00Z";
  const json = { Index: index, Attempt: attempts, Timestamp: time.replace(".000Z", "Z") };
  return new TextEncoder().encode(JSON.stringify(json));
}

/** Parses `completed-chunks`; a last name without a line end behind it was cut. */
export function parseGoCompleted(bytes: Uint8Array): { chunks: string[]; cut: string | undefined } {
  const text = new TextDecoder().decode(bytes);
  const end = text.lastIndexOf("\n") + 1;
  const cut = text.slice(end).trim();
  const chunks = text.slice(0, end).split(/\s+/).filter((name) => name !== "");
  return { chunks: [...new Set(chunks)], cut: cut === "" ? undefined : cut };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The beginning of what stands there, for a message. */
function quote(bytes: Uint8Array): string {
  if (bytes.length === 0) return "nothing";
  return JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 60)));
}
