import { formatByteSize, parseByteSize } from "../core/byte_size.ts";
import { formatDuration, isBareNumber, parseDuration } from "../core/duration.ts";
import { formatRfc3339, parseRfc3339 } from "../core/rfc3339.ts";
import { formatAddress, parseAddress } from "./address_text.ts";
import type { HostPort } from "./config.ts";
import { InvalidValue } from "./invalid_value.ts";
import { formatList, parseList } from "./list_text.ts";
import { findNearestName } from "./nearest_name.ts";
import type { AddressSetting, Setting } from "./setting.ts";
import { isUrlText, parseHttpUrl, parseServerUrl, redactUrl } from "./url_text.ts";

/** Any value that a setting can have. */
export type SettingValue = string | number | boolean | readonly string[] | HostPort;

/** What parsing needs beyond the text. */
export interface ValueContext {
  /** The directory that `~` stands for; undefined when unknown. */
  readonly homeDir: string | undefined;
  /** Told what was assumed or left out. */
  notice(text: string): void;
  /** Told what is most likely a mistake. */
  warn(text: string): void;
}

/**
 * Parses the text of a setting, from whatever source, by its kind. Whether files exist is not looked
 * at here.
 *
 * @throws {InvalidValue} If the text is no value of this kind.
 */
export function parseSettingValue(
  setting: Setting,
  text: string,
  context: ValueContext,
): SettingValue {
  if (setting.kind === "list") return parseList(text);
  if (text.trim() === "") throw new InvalidValue("Is empty", "Give a value, or leave it out");
  switch (setting.kind) {
    case "string":
      return text;
    case "int":
      return parseInteger(text, setting);
    case "bool":
      return parseBoolean(text);
    case "duration":
      return parseSettingDuration(text, setting.min, context);
    case "size":
      return parseSize(text, setting.min);
    case "time":
      return parseTime(text);
    case "path":
      return expandHome(text, context.homeDir);
    case "storage":
      return isUrlText(text) ? parseServerUrl(text) : expandHome(text, context.homeDir);
    case "output":
      return parseOutput(text, context.homeDir);
    case "url":
      return parseHttpUrl(text, setting.example);
    case "address":
      return parseAddressSetting(text, setting, context.notice);
    case "choice":
      return parseChoice(text, setting.choices, setting.synonyms ?? {});
  }
}

function parseAddressSetting(
  text: string,
  { defaultPort, hint }: AddressSetting,
  notice: (text: string) => void,
): HostPort {
  try {
    return parseAddress(text, defaultPort, notice);
  } catch (error) {
    if (!(error instanceof InvalidValue) || hint === undefined) throw error;
    throw new InvalidValue(error.message, hint);
  }
}

/** Formats a value as a person would write it in the environment or on the command line. */
export function formatSettingValue(setting: Setting, value: SettingValue): string {
  switch (setting.kind) {
    case "list":
      return formatList(value as readonly string[]);
    case "duration":
      return formatDuration(value as number);
    case "size":
      return formatSize(value as number);
    case "time":
      return formatRfc3339(value as number);
    case "address":
      return formatAddress(value as HostPort);
    default:
      return String(value);
  }
}

/** Returns the text of a value as it may be shown: without secrets, cut at 100 characters. */
export function redactSettingText(setting: Setting, text: string): string {
  if (setting.secret) return "(secret)";
  const mayBeUrl = setting.kind === "url" || setting.kind === "storage" && isUrlText(text);
  const shown = mayBeUrl ? redactUrl(text) : text;
  return shown.length > 100 ? `${shown.slice(0, 100)}…` : shown;
}

function parseInteger(
  text: string,
  range: { readonly min: number; readonly max: number; readonly belowMin?: string },
): number {
  const hint = `Give a whole number from ${range.min} to ${range.max}`;
  if (!/^[-+]?\d+$/.test(text)) throw new InvalidValue("Not a whole number", hint);
  const value = Number(text);
  if (value < range.min) throw new InvalidValue(range.belowMin ?? "Is too small", hint);
  if (value > range.max) throw new InvalidValue("Is too large", hint);
  return value === 0 ? 0 : value;
}

function parseBoolean(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw new InvalidValue("Neither true nor false", "Write true or false");
}

function parseSettingDuration(text: string, min: string, context: ValueContext): number {
  const hint = "Write it like 30s, 5m or 1h30m";
  const ms = rethrow(() => parseDuration(text), hint);
  if (ms < 0) throw new InvalidValue("Is negative", hint);
  if (ms < parseDuration(min)) {
    const why = isBareNumber(text) ? "; a number without a unit is nanoseconds" : "";
    throw new InvalidValue(`Is too short${why}`, `Give at least ${min}, written like 30s or 1h30m`);
  }
  if (isBareNumber(text)) {
    context.warn(
      `A number without a unit is nanoseconds; ${text} was read as ${formatDuration(ms)}`,
    );
  }
  return ms;
}

function parseSize(text: string, min: string): number {
  const hint = "Write it like 512MiB or 1GiB";
  const bytes = rethrow(() => parseByteSize(text), hint);
  if (bytes < parseByteSize(min)) throw new InvalidValue("Is too small", `Give at least ${min}`);
  return bytes;
}

/** In a unit where that says all of it. */
function formatSize(bytes: number): string {
  const text = formatByteSize(bytes);
  return parseByteSize(text) === bytes ? text : String(bytes);
}

function parseTime(text: string): number {
  const hint = "Write it like 2021-01-01T00:00:00Z or 2021-01-01T09:00:00+09:00";
  return Math.floor(rethrow(() => parseRfc3339(text), hint) / 1000) * 1000;
}

function expandHome(text: string, homeDir: string | undefined): string {
  if (text !== "~" && !text.startsWith("~/")) return text;
  if (homeDir === undefined || homeDir === "") {
    throw new InvalidValue(
      "The home directory that ~ stands for is not known",
      "Write the whole path",
    );
  }
  return homeDir.replace(/\/$/, "") + text.slice(1);
}

/** Spellings of the two streams, as in the Go plugins. */
const OUTPUTS: { readonly [word: string]: "stdout" | "stderr" } = {
  stdout: "stdout",
  out: "stdout",
  "1": "stdout",
  stderr: "stderr",
  error: "stderr",
  "2": "stderr",
};

function parseOutput(text: string, homeDir: string | undefined): string {
  const word = text.toLowerCase();
  if (Object.hasOwn(OUTPUTS, word)) return OUTPUTS[word]!;
  if (word === "syslog" || /^[a-z][a-z0-9+.-]*:\/\//.test(word)) {
    throw new InvalidValue(
      "Neither stdout, nor stderr, nor the path of a file",
      "Write stderr, which systemd and containers collect, or a path like ./handler.log",
    );
  }
  return expandHome(text, homeDir);
}

function parseChoice(
  text: string,
  choices: readonly string[],
  synonyms: { readonly [word: string]: string },
): string {
  const word = text.toLowerCase();
  if (choices.includes(word)) return word;
  if (Object.hasOwn(synonyms, word)) return synonyms[word]!;
  const nearest = findNearestName(word, choices);
  const hint = `Write one of ${choices.join(", ")}`;
  throw new InvalidValue(
    `Not one of ${choices.join(", ")}`,
    nearest === undefined ? hint : `Did you mean ${nearest}?`,
  );
}

function rethrow(parse: () => number, hint: string): number {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw new InvalidValue(error.message, hint);
    }
    throw error;
  }
}
