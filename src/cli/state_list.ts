import { formatByteSize } from "../core/byte_size.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import { QuarantineFolder } from "../state/quarantine_folder.ts";
import type { QuarantineContent, QuarantineEntry } from "../state/quarantine_line.ts";
import { findEntries } from "./state_entries.ts";
import type { StateContext } from "./state_table.ts";
import { writeOut } from "./terminal.ts";

const HEADS = ["ENTRY", "QUARANTINED", "STREAM", "TYPE", "EVENT", "REASON"];
/** Reasons are not cut to fewer characters, however narrow the terminal is. */
const MIN_REASON = 30;

/** `state quarantine list`: one line for each entry, or one JSON object with all. */
export async function listEntries({ config, flags, folder }: StateContext): Promise<number> {
  const quarantine = new QuarantineFolder(`${folder}/quarantine`);
  const entries: Omit<QuarantineEntry, "line">[] = [];
  for await (const { content, key } of quarantine.read()) {
    entries.push({ key, content: "id" in content ? { ...content, json: EMPTY } : content });
  }
  const files = await quarantine.listFiles();
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const maxBytes = config.quarantineMaxSizeBytes;
  if (flags.has("--json")) {
    writeOut(JSON.stringify({ entries: entries.map(toJson), bytes, maxBytes }, null, 2) + "\n");
  } else if (entries.length === 0) {
    writeOut(`No event is in the quarantine '${quarantine.path}'\n`);
  } else {
    const count = entries.length === 1 ? "1 entry" : `${entries.length} entries`;
    writeOut(formatTable(entries));
    writeOut(`\n${count}, ${formatByteSize(bytes)} of ${formatByteSize(maxBytes)}\n`);
  }
  return 0;
}

/** `state quarantine show`: what is known of one entry, and its payload over several lines. */
export async function showEntry({ entries, flags, folder }: StateContext): Promise<number> {
  if (entries.length === 0) {
    throw new Fault("usage", "No entry is named", { hint: "See state quarantine list" });
  }
  const quarantine = new QuarantineFolder(`${folder}/quarantine`);
  const keys = await findEntries(quarantine, entries);
  const shown = new Set<string>();
  for await (const entry of quarantine.read()) {
    if (!keys.has(entry.key) || shown.has(entry.key)) continue;
    const text = new TextDecoder().decode(entry.line);
    if (shown.size > 0) writeOut("\n");
    writeOut(flags.has("--json") ? `${text}\n` : formatEntry(entry, text));
    shown.add(entry.key);
  }
  return 0;
}

/** The payloads are not wanted for a list, and may be large. */
const EMPTY = new Uint8Array(0);

function toJson({ content, key }: Omit<QuarantineEntry, "line">) {
  if ("defect" in content) return { entry: key, defect: content.defect };
  const { id, quarantinedAt, reason, stream, time, type } = content;
  return { entry: key, quarantinedAt, stream, reason, id, type, time };
}

function formatTable(entries: readonly Omit<QuarantineEntry, "line">[]): string {
  const rows = [HEADS, ...entries.map(({ content, key }) => [key, ...cellsOf(content)])]
    .map((row) => row.map(escapeControls));
  const widths = HEADS.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
  const room = Math.max(countColumns() - before, MIN_REASON);
  return rows.map((row) => {
    const reason = row.at(-1)!;
    const cut = reason.length > room ? `${reason.slice(0, room - 1)}…` : reason;
    return [...row.slice(0, -1).map((cell, i) => cell.padEnd(widths[i]!)), cut].join("  ") + "\n";
  }).join("");
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
