import { type AuditEvent, jsonLength, jsonOf } from "../core/event.ts";

/** How events are written. */
export interface ExportFormat {
  /** What stands above all events. */
  readonly head: string;
  /** The events, each with a line end behind it. */
  write(events: readonly AuditEvent[]): Uint8Array;
}

/** Columns that most events have, in the order in which a person asks: when, what, who, where. */
export const CSV_FIELDS: readonly string[] = [
  "time",
  "event",
  "code",
  "user",
  "success",
  "error",
  "login",
  "addr.remote",
  "server_hostname",
  "kubernetes_cluster",
  "db_service",
  "app_name",
  "sid",
  "cluster_name",
  "uid",
];

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const LINE_END = encoder.encode("\n");

/** All formats by their names; each is given the columns that were asked for. */
export const EXPORT_FORMATS = {
  jsonl: (_fields?: readonly string[]): ExportFormat => ({ head: "", write: writeJsonLines }),
  csv: (fields: readonly string[] = CSV_FIELDS): ExportFormat => ({
    head: `${fields.map(formatCell).join(",")}\n`,
    write: (events) => encoder.encode(events.map((event) => formatRow(event, fields)).join("")),
  }),
} as const;

/** Their names. */
export type ExportFormatName = keyof typeof EXPORT_FORMATS;

/** The payloads as Teleport sent them. */
function writeJsonLines(events: readonly AuditEvent[]): Uint8Array {
  const length = events.reduce((sum, event) => sum + jsonLength(event) + 1, 0);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const event of events) {
    const json = jsonOf(event);
    bytes.set(json, at);
    bytes.set(LINE_END, at + json.length);
    at += json.length + 1;
  }
  return bytes;
}

function formatRow(event: AuditEvent, fields: readonly string[]): string {
  const payload: unknown = JSON.parse(decoder.decode(jsonOf(event)));
  return `${fields.map((field) => formatCell(readField(payload, field))).join(",")}\n`;
}

/** A field by its name, which may hold points as `addr.remote` does, or by the path to it. */
function readField(value: unknown, path: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  for (let at = path.indexOf("."); at !== -1; at = path.indexOf(".", at + 1)) {
    const head = path.slice(0, at);
    if (!Object.hasOwn(value, head)) continue;
    const found = readField((value as Record<string, unknown>)[head], path.slice(at + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * A cell as RFC 4180 has it. A text that a spreadsheet would run as a formula gets an apostrophe in
 * front: whoever fails to log in chooses the name that stands here.
 */
function formatCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  const isText = typeof value === "string";
  const text = isText ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = isText && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
