import type { Command, Option } from "commander";
import { formatFlag } from "../config/start_help.ts";
import { flagOf } from "../config/setting_names.ts";
import { SETTING_NAMES, settingOf } from "../config/settings.ts";

/** A flag of a command, as help, completion and the manual page know it. */
export interface CommandFlag {
  /** With its dashes. */
  readonly long: string;
  /** With its dash. */
  readonly short?: string | undefined;
  /** What follows it; undefined for a flag that stands alone. */
  readonly value?: FlagValue | undefined;
  readonly doc: string;
}

/** What may follow a flag, or stand in place of an operand. */
export interface FlagValue {
  /** How the help shows it: `FILE`. */
  readonly placeholder: string;
  readonly kind: "file" | "directory" | "words" | "text";
  /** All values, where they are few. */
  readonly words?: readonly string[];
}

/** The flag of every command. */
export const HELP_FLAG: CommandFlag = {
  long: "--help",
  short: "-h",
  doc: "Show what the command does",
};

/** The flags of all settings, in the order of their table. */
export function flagsOfSettings(): readonly CommandFlag[] {
  return SETTING_NAMES.flatMap((name) => {
    const setting = settingOf(name);
    const long = flagOf(name);
    if (long === undefined || setting.ignored !== undefined) return [];
    const placeholder = formatFlag(name)?.split(" ").at(-1) ?? "";
    const value: FlagValue | undefined = setting.kind === "bool"
      ? undefined
      : setting.kind === "choice"
      ? { placeholder, kind: "words", words: setting.choices }
      : setting.kind === "path" || setting.kind === "output"
      ? { placeholder, kind: "file" }
      : setting.kind === "storage"
      ? { placeholder, kind: "directory" }
      : { placeholder, kind: "text" };
    const short = setting.short === undefined ? undefined : `-${setting.short}`;
    return [{ long, short, value, doc: setting.doc }];
  });
}

/** The flags that a command of commander shows in its help. */
export function flagsOfCommander(command: Command): readonly CommandFlag[] {
  return command.options.filter((option) => !option.hidden && option.long != null)
    .map((option) => ({
      long: option.long!,
      short: option.short ?? undefined,
      value: valueOf(option),
      doc: capitalize(option.description),
    }));
}

function valueOf(option: Option): FlagValue | undefined {
  if (!option.required && !option.optional) return undefined;
  const placeholder = /<(.*)>/.exec(option.flags)?.[1]?.toUpperCase() ?? "VALUE";
  return option.argChoices === undefined
    ? { placeholder, kind: "text" }
    : { placeholder, kind: "words", words: option.argChoices };
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
