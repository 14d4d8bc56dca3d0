import { GROUPS } from "./setting.ts";
import type { Setting } from "./setting.ts";
import { environmentNamesOf, flagOf } from "./setting_names.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";
import { wrapText } from "./text_layout.ts";

const WIDTH = 100;
const DOC_COLUMN = 44;

/** What stands for the value of a flag. */
const PLACEHOLDERS: { readonly [kind in Exclude<Setting["kind"], "bool">]: string } = {
  string: "TEXT",
  int: "NUMBER",
  duration: "DURATION",
  size: "SIZE",
  list: "LIST",
  path: "FILE",
  storage: "DIRECTORY|URL",
  output: "OUTPUT",
  url: "URL",
  time: "TIME",
  address: "HOST:PORT",
  choice: "WORD",
};

/**
 * Formats the text of `start --help`: every setting under its heading with its default and its
 * environment variable, in lines of at most 100 characters. Ends with a line end.
 */
export function formatStartHelp(): string {
  const groups = GROUPS.map((group) => {
    const names = SETTING_NAMES.filter((name) =>
      settingOf(name).group === group && settingOf(name).ignored === undefined
    );
    return `${group}:\n${names.map(formatEntry).join("")}`;
  });
  return [INTRODUCTION, ...groups, ENDING].join("\n");
}

/** Returns the flag as the help shows it: "-c, --config FILE". */
export function formatFlag(name: SettingName): string | undefined {
  const { short, kind } = settingOf(name);
  if (flagOf(name) === undefined) return undefined;
  const value = kind === "bool" ? "" : ` ${PLACEHOLDERS[kind]}`;
  return `${short === undefined ? "" : `-${short}, `}--${name}${value}`;
}

const INTRODUCTION = `Usage: teleport-event-handler start [--config FILE] [FLAG...]

Forward the audit events of Teleport to Fluentd, and remember how far that got.
A value is taken from the flag, else the environment, else the settings file, else the default.
`;

const ENDING = `  -h, --help${" ".repeat(DOC_COLUMN - 12)}Show this text

A DURATION is like 30s, 5m or 1h30m, a SIZE like 512MiB or 1GiB, a LIST like print,resize,
a TIME like 2021-01-01T00:00:00Z.
A flag without a value can be switched off: --debug=false.
`;

function formatEntry(name: SettingName): string {
  const flag = formatFlag(name);
  const head = flag === undefined
    ? `      ${environmentNamesOf(name)[0]}`
    : `  ${flag.startsWith("-c") || flag.startsWith("-d") ? "" : "    "}${flag}`;
  const lines = [
    ...wrapText(settingOf(name).doc, WIDTH - DOC_COLUMN),
    ...wrapText(`[${describeRow(name)}]`, WIDTH - DOC_COLUMN),
  ];
  const indent = " ".repeat(DOC_COLUMN);
  return `${head.padEnd(DOC_COLUMN)}${lines.join(`\n${indent}`)}\n`;
}

function describeRow(name: SettingName): string {
  const setting = settingOf(name);
  const parts: string[] = [];
  if (setting.required) parts.push("required");
  if (setting.kind === "choice") parts.push(setting.choices.join(", "));
  const otherwise = describeDefault(setting);
  if (otherwise !== "") parts.push(`default ${otherwise}`);
  parts.push(
    flagOf(name) === undefined
      ? "environment variable or settings file only"
      : `env ${environmentNamesOf(name)[0]}`,
  );
  return parts.join("; ");
}

/** Describes what holds when a setting is not given; empty when nothing does. */
export function describeDefault(setting: Setting): string {
  return setting.unset ?? (setting.kind === "bool" ? "" : setting.default ?? "");
}
