import { TomlDate, type TomlValue } from "smol-toml";
import { InvalidValue } from "./invalid_value.ts";
import { formatList } from "./list_text.ts";
import type { Setting } from "./setting.ts";

/**
 * Writes the TOML value of a setting as the text that its kind parses, so that the file, the
 * environment and the command line share one parser.
 *
 * @param raw The value as it stands in the file: the parser moves dates that do not exist.
 * @throws {InvalidValue} If a value of this type makes no sense for the setting.
 */
export function tomlValueToText(
  setting: Setting,
  value: TomlValue,
  raw: string | undefined,
): string {
  if (typeof value === "string") return value;
  if (value instanceof TomlDate) {
    if (setting.kind === "time") return raw ?? value.toISOString();
    throw wrongType(setting, "date");
  }
  if (Array.isArray(value)) {
    if (setting.kind !== "list") throw wrongType(setting, "list");
    return formatList(value.map((entry) => {
      if (typeof entry === "string") return entry;
      throw new InvalidValue("Holds something else than text", 'Write it like ["a", "b"]');
    }));
  }
  if (typeof value === "object") throw wrongType(setting, "table");
  if (typeof value === "boolean") {
    if (setting.kind === "bool") return String(value);
    throw wrongType(setting, "boolean");
  }
  if (["string", "int", "bool", "duration", "size"].includes(setting.kind)) {
    return plainNumber(value);
  }
  throw wrongType(setting, "number");
}

/** Writes any TOML value for a message. */
export function describeTomlValue(value: TomlValue, raw: string | undefined): string {
  if (typeof value === "string") return value;
  return raw ?? (typeof value === "object" ? "{…}" : String(value));
}

function plainNumber(value: number | bigint): string {
  return Number.isInteger(value) && typeof value === "number"
    ? BigInt(value).toString()
    : String(value);
}

function wrongType(setting: Setting, type: string): InvalidValue {
  return new InvalidValue(`A ${type} cannot be used here`, EXPECTED[setting.kind]);
}

const EXPECTED: { readonly [kind in Setting["kind"]]: string } = {
  string: "Write it as text in quotes",
  int: "Write it as a whole number",
  bool: "Write true or false",
  duration: 'Write it in quotes with a unit, like "5s"',
  size: 'Write it in quotes with a unit, like "1GiB"',
  list: 'Write it as a list, like ["a", "b"], or as text with commas',
  path: "Write the path in quotes",
  storage: "Write the path in quotes",
  output: "Write stdout, stderr or a path in quotes",
  url: "Write the URL in quotes",
  time: 'Write it in quotes, like "2021-01-01T00:00:00Z"',
  address: 'Write it in quotes, like "localhost:3025"',
  choice: "Write one of the words in quotes",
};
