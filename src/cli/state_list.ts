import { formatByteSize } from "../core/byte_size.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import type { QuarantineEntries } from "../state/quarantine_entries.ts";
import type { QuarantineContent, QuarantineEntry } from "../state/quarantine_line.ts";
import { openQuarantine } from "./open_quarantine.ts";
import { findEntries } from "./state_entries.ts";
import type { StateContext } from "./state_table.ts";
import { writeOut } from "./terminal.ts";

const HEADS = ["ENTRY", "QUARANTINED", "STREAM", "TYPE", "EVENT", "REASON"];
/** Reasons are not cut to fewer characters, however narrow the terminal is. */
const MIN_REASON = 30;
/** By so many rows the widths of the columns are chosen; there may be a million. */
const MEASURED_ROWS = 1000;

/** `state quarantine list`: one line for each entry, or one JSON object with all. */
export async function listEntries(context: StateContext): Promise<number> {
  const { config, flags } = context;
  using quarantine = await openQuarantine(context);
  const { bytes } = await quarantine.measure();
  const maxBytes = config.quarantineMaxSizeBytes;
  if (flags.has("--json")) {
    await writeJson(quarantine, { bytes, maxBytes });
    return 0;
  }
  const count = await writeTable(quarantine);
  if (count === 0) {
    writeOut(`No event is in the quarantine '${quarantine.place}'\n`);
  } else {
    const entries = count === 1 ? "1 entry" : `${count} entries`;
    writeOut(`\n${entries}, ${formatByteSize(bytes)} of ${formatByteSize(maxBytes)}\n`);
  }
  return 0;
}

/** `state quarantine show`: what is known of one entry, and its payload over several lines. */
export async function showEntry(context: StateContext): Promise<number> {
  const { entries, flags } = context;
  if (entries.length === 0) {
    throw new Fault("usage", "No entry is named", { hint: "See state quarantine list" });
  }
  using quarantine = await openQuarantine(context);
  const isMeant = await findEntries(quarantine, entries);
  const shown = new Set<string>();
  for await (const entry of quarantine.read()) {
    if (!isMeant(entry) || shown.has(entry.key)) continue;
    const text = new TextDecoder().decode(entry.line);
    if (shown.size > 0) writeOut("\n");
    writeOut(flags.has("--json") ? `${text}\n` : formatEntry(entry, text));
    shown.add(entry.key);
  }
  return 0;
}

/** Entry by entry: all of them may be more than fits into memory. */
async function writeJson(
  quarantine: QuarantineEntries,
  sizes: { readonly bytes: number; readonly maxBytes: number },
): Promise<void> {
  writeOut('{\n  "entries": [');
  let separator = "\n    ";
  for await (const entry of quarantine.read()) {
    writeOut(`${separator}${JSON.stringify(toJson(entry))}`);
    separator = ",\n    ";
  }
  writeOut(`\n  ],\n  "bytes": ${sizes.bytes},\n  "maxBytes": ${sizes.maxBytes}\n}\n`);
}

function toJson({ content, key }: QuarantineEntry) {
  if ("defect" in content) return { entry: key, defect: content.defect };
  const { id, quarantinedAt, reason, stream, time, type } = content;
  return { entry: key, quarantinedAt, stream, reason, id, type, time };
}

/** Returns the number of rows below the head; without any nothing is written. */
async function writeTable(quarantine: QuarantineEntries): Promise<number> {
  let count = 0;
  let first: string[][] = [HEADS];
  let format: ((row: readonly string[]) => string) | undefined;
  for await (const { content, key } of quarantine.read()) {
    const row = [key, ...cellsOf(content)].map(escapeControls);
    count++;
    if (format !== undefined) {
      writeOut(format(row));
      continue;
    }
    first.push(row);
    if (first.length < MEASURED_ROWS) continue;
    format = chooseFormat(first);
    writeOut(first.map(format).join(""));
    first = [];
  }
  if (format === undefined && count > 0) writeOut(first.map(chooseFormat(first)).join(""));
  return count;
}

function chooseFormat(rows: readonly (readonly string[])[]): (row: readonly string[]) => string {
  const widths = HEADS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(countColumns() - before, MIN_REASON);
  return (row) => {
    const reason = row.at(-1)!;
    const cut = reason.length > room ? `${reason.slice(0, room - 1)}…` : reason;
    return [...row.slice(0, -1).map((cell, i) => cell.padEnd(widths[i]!)), cut].join("  ") + "\n";
  };
}

function cellsOf(content: QuarantineEntry["content"]): string[] {
  if ("defect" in content) return ["", "", "", "", `A line that cannot be read: ${content.defect}`];
  const { id, quarantinedAt, reason, stream, type } = content;
  return [quarantinedAt.replace(/\.\d+Z$/, "Z"), stream, type, id, reason];
}

function formatEntry({ content, key }: QuarantineEntry, line: string): string {
  if ("defect" in content) {
    return `entry        ${key}\nproblem      ${content.defect}\n\n${escapeControls(line)}\n`;
  }
  const { id, json, quarantinedAt, reason, stream, time, type } = content;
  const facts = { entry: key, quarantined: quarantinedAt, stream, type, id, time, reason };
  const head = Object.entries(facts)
    .map(([name, value]) => `${name.padEnd(13)}${escapeControls(String(value ?? ""))}\n`).join("");
  return `${head}\n${json === undefined ? formatRaw(line) : formatPayload(json)}\n`;
}

function formatRaw(line: string): string {
  return `The event could not be written as JSON. As Teleport sent it, in base64:\n${
    JSON.parse(line)["raw"]
  }`;
}

/** Over several lines, and every number as it is written there. */
function formatPayload(json: NonNullable<QuarantineContent["json"]>): string {
  // Types do not know yet what the runtime does.
  const parse = JSON.parse as (
    text: string,
    revive: (key: string, value: unknown, context: { source: string }) => unknown,
  ) => unknown;
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  const value = parse(
    new TextDecoder().decode(json),
    (_, value, { source }) => typeof value === "number" ? rawJSON(source) : value,
  );
  return JSON.stringify(value, null, 2).split("\n").map(escapeControls).join("\n");
}

/** Where nobody sees an edge, nothing is cut. */
function countColumns(): number {
  try {
    return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : Infinity;
  } catch {
    return Infinity;
  }
}
