import { asksForHelp } from "../config/start_args.ts";
import { Fault } from "../core/fault.ts";
import { parseRfc3339 } from "../core/rfc3339.ts";
import { EXPORT_FORMATS, type ExportFormatName } from "./export_format.ts";

/** A command line of `export`, taken apart. */
export interface ExportArgs {
  /** First moment; milliseconds since the epoch. */
  readonly fromMs: number;
  /** The moment after the last one. */
  readonly toMs: number;
  readonly format: ExportFormatName;
  /** Columns of CSV, as paths into an event; those of the format when undefined. */
  readonly fields: readonly string[] | undefined;
  /** Standard output when undefined. */
  readonly output: string | undefined;
  /** The flags of the settings. */
  readonly settings: readonly string[];
}

/** The flags that `export` has besides those of the settings. */
export const EXPORT_FLAGS = ["--from", "--to", "--format", "--output", "--fields"] as const;
type ExportFlag = typeof EXPORT_FLAGS[number];

const TIME_HINT = "Write a time like 2026-01-31T00:00:00Z";

/** Takes the arguments apart; undefined when they ask for help. @throws {Fault} of kind `usage`. */
export function parseExportArgs(args: readonly string[], nowMs: number): ExportArgs | undefined {
  const { settings, values } = splitFlags(args);
  if (asksForHelp(settings)) return undefined;
  const from = values.get("--from");
  if (from === undefined) throw usage("--from is missing", `${TIME_HINT}: --from TIME --to TIME`);
  const fromMs = parseTime("--from", from);
  const to = values.get("--to");
  const toMs = to === undefined ? nowMs : parseTime("--to", to);
  if (fromMs > nowMs) throw usage(`--from ${from} is in the future`, TIME_HINT);
  if (fromMs >= toMs) {
    throw usage(
      `--from ${from} is not before --to ${to}`,
      "The first moment belongs to it, the last one not",
    );
  }
  const format = values.get("--format") ?? "jsonl";
  if (!(format in EXPORT_FORMATS)) {
    throw usage(
      `--format ${JSON.stringify(format)} is not known`,
      `Give ${Object.keys(EXPORT_FORMATS).join(" or ")}`,
    );
  }
  return {
    fromMs,
    toMs,
    format: format as ExportFormatName,
    fields: parseFields(values.get("--fields"), format),
    output: values.get("--output"),
    settings,
  };
}

function splitFlags(args: readonly string[]) {
  const values = new Map<ExportFlag, string>();
  const settings: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [, name, inline] = /^(--[a-z-]+)(?:=(.*))?$/s.exec(args[i]!) ?? [];
    const flag = EXPORT_FLAGS.find((flag) => flag === name);
    if (flag === undefined) {
      settings.push(args[i]!);
      continue;
    }
    const value = inline ?? args[++i];
    if (value === undefined || value === "" || (inline === undefined && value.startsWith("--"))) {
      throw usage(`${flag} needs a value`, "See export --help");
    }
    if (values.has(flag)) throw usage(`${flag} is given twice`, "Give it once");
    values.set(flag, value);
  }
  return { settings, values };
}

function parseTime(flag: ExportFlag, text: string): number {
  try {
    return parseRfc3339(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw usage(`${flag}: ${error.message}`, TIME_HINT);
  }
}

function parseFields(text: string | undefined, format: string): readonly string[] | undefined {
  if (text === undefined) return undefined;
  if (format !== "csv") {
    throw usage("--fields names columns of CSV", "Give --format csv too, or leave it out");
  }
  const fields = text.split(",").map((field) => field.trim());
  if (fields.some((field) => field === "")) {
    throw usage(`--fields ${JSON.stringify(text)} holds an empty name`, "Write it like time,user");
  }
  const double = fields.find((field, i) => fields.indexOf(field) !== i);
  if (double !== undefined) {
    throw usage(`--fields names ${JSON.stringify(double)} twice`, "Name each once");
  }
  return fields;
}

function usage(problem: string, hint: string): Fault {
  return new Fault("usage", problem, { hint });
}
