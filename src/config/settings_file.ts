import { parse, TomlDate, TomlError, type TomlTable, type TomlValue } from "smol-toml";
import { findNearestName } from "./nearest_name.ts";
import { SETTING_NAMES, type SettingName } from "./settings.ts";
import { tomlPathsOf } from "./setting_names.ts";
import { formatPlace } from "./source.ts";
import { formatTomlPath, scanTomlPositions } from "./toml_positions.ts";

/** A value of the settings file. */
export interface FileValue {
  /** Dotted path of its key, as found. */
  readonly path: string;
  /** Line of its key; undefined when unknown. */
  readonly line: number | undefined;
  /** The value as written; undefined when unknown. */
  readonly raw: string | undefined;
  /** The value. */
  readonly value: TomlValue;
}

/** What a settings file says. */
export interface SettingsFile {
  /** The values of the settings that it holds. */
  readonly values: ReadonlyMap<SettingName, FileValue>;
  /** Keys that no setting has, and settings given twice. */
  readonly warnings: readonly string[];
}

/** Thrown when the text is no TOML. The message holds no piece of the text, which may hold secrets. */
export class SettingsSyntaxError extends SyntaxError {
  /** Line of the mistake, from 1. */
  readonly line: number;
  /** Column of the mistake, from 1. */
  readonly column: number;

  constructor(error: TomlError) {
    super(error.message.split("\n")[0]!.replace(/^Invalid TOML document: /, ""), { cause: error });
    this.name = "SettingsSyntaxError";
    this.line = error.line;
    this.column = error.column;
  }
}

const KNOWN_PATHS: readonly string[] = SETTING_NAMES.flatMap(tomlPathsOf);

/**
 * Reads the text of a settings file. `file` is its path for messages.
 *
 * @throws {SettingsSyntaxError} If it is no TOML.
 */
export function parseSettingsFile(text: string, file: string): SettingsFile {
  const body = text.replace(/^\uFEFF/, "");
  const leaves = readLeaves(body);
  const warnings: string[] = [];
  const known = new Set(KNOWN_PATHS);
  for (const { path, line, value } of leaves.values()) {
    if (known.has(path) || isEmptyTable(value)) continue;
    const nearest = findNearestName(path, KNOWN_PATHS);
    const hint = nearest === undefined ? "It has no effect" : `Did you mean ${nearest}?`;
    warnings.push(`Unknown setting ${path} (file ${formatPlace(file, line)}). ${hint}`);
  }
  const values = new Map<SettingName, FileValue>();
  for (const name of SETTING_NAMES) {
    const found = tomlPathsOf(name).flatMap((path) => leaves.get(path) ?? []);
    const [first, ...others] = found;
    if (first === undefined) continue;
    values.set(name, first);
    for (const other of others.filter((other) => !sameValue(first.value, other.value))) {
      const place = formatPlace(file, other.line);
      warnings.push(
        `${other.path} (file ${place}) differs from ${first.path}, which is used. Remove one of the two`,
      );
    }
  }
  return { values, warnings };
}

function readLeaves(text: string): ReadonlyMap<string, FileValue> {
  const document = parseToml(text);
  const positions = scanTomlPositions(text);
  const leaves = new Map<string, FileValue>();
  const visit = (table: TomlTable, prefix: readonly string[]) => {
    for (const [key, value] of Object.entries(table)) {
      const segments = [...prefix, key];
      if (isTable(value) && !isEmptyTable(value)) {
        visit(value, segments);
      } else {
        const path = formatTomlPath(segments);
        const position = positions.get(path);
        leaves.set(path, { path, line: position?.line, raw: position?.raw, value });
      }
    }
  };
  visit(document, []);
  return leaves;
}

function parseToml(text: string): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) throw new SettingsSyntaxError(error);
    throw error;
  }
}

function isTable(value: TomlValue): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof TomlDate);
}

function isEmptyTable(value: TomlValue): boolean {
  return isTable(value) && Object.keys(value).length === 0;
}

function sameValue(a: TomlValue, b: TomlValue): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
