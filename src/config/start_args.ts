import { Command, Option } from "commander";
import type { ConfigProblem } from "./config_problem.ts";
import { findNearestName } from "./nearest_name.ts";
import { environmentNamesOf, flagOf } from "./setting_names.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";

/** What the command line of `start` says. */
export interface StartArgs {
  /** Whether `--help` or `-h` was given. */
  readonly help: boolean;
  /** The texts given for each setting, in order. */
  readonly values: ReadonlyMap<SettingName, readonly string[]>;
  /** Unknown flags, flags without their value, and arguments that are no flags. */
  readonly problems: readonly ConfigProblem[];
}

/** How the flag of one setting is declared: "-c, --config <value>". */
function declarationOf(name: SettingName): string {
  const { short } = settingOf(name);
  return `${short === undefined ? "" : `-${short}, `}--${name} <value>`;
}

/**
 * Adds the flag of every setting to a command. Each collects the texts given for it; a flag that
 * stands for true or false must have been given its value by {@linkcode parseStartArgs}.
 */
export function addSettingsOptions(command: Command): Command {
  for (const name of SETTING_NAMES) {
    if (flagOf(name) === undefined) continue;
    command.addOption(
      new Option(declarationOf(name), settingOf(name).doc)
        .argParser<readonly string[]>((text, before) => [...before ?? [], text]),
    );
  }
  return command;
}

/**
 * Parses the arguments of `start`, without the word `start` itself. It reports every mistake rather
 * than the first, prints nothing and never ends the process. Values are not looked at.
 */
export function parseStartArgs(args: readonly string[]): StartArgs {
  const { prepared, help, problems } = prepareArgs(args);
  const command = addSettingsOptions(new Command("start"))
    .exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} }).helpOption(false);
  const { operands, unknown } = command.parseOptions(prepared);
  for (let i = 0; i < unknown.length; i++) {
    const token = unknown[i]!;
    if (token === "--") continue;
    if (!token.startsWith("-") || token === "-") {
      problems.push(unexpectedArgument(token));
      continue;
    }
    problems.push(unknownFlag(token.replace(/=.*$/s, "")));
    // What follows an unknown flag is most likely its value: one mistake, not two, and maybe a secret.
    if (!token.includes("=") && unknown[i + 1]?.startsWith("-") === false) i++;
  }
  problems.push(...operands.map(unexpectedArgument));
  const values = new Map<SettingName, readonly string[]>();
  for (const name of SETTING_NAMES) {
    const texts = command.getOptionValue(camelCase(name));
    if (texts !== undefined) values.set(name, texts);
  }
  return { help, values, problems };
}

/** Whether the arguments of `start` ask for its help text. */
export function asksForHelp(args: readonly string[]): boolean {
  return prepareArgs(args).help;
}

/**
 * Splits a whole command line into the command's name and the other arguments, so that flags may
 * stand before the name, as in `--config handler.toml start`. The name is the first argument that is
 * neither a flag nor the value of one; undefined when there is none.
 */
export function splitCommand(
  args: readonly string[],
): { readonly command: string | undefined; readonly args: readonly string[] } {
  for (let i = 0; i < args.length; i++) {
    const token = args[i]!;
    if (token === "--") break;
    if (!token.startsWith("-")) return { command: token, args: args.toSpliced(i, 1) };
    const name = settingOfFlag(token);
    if (name !== undefined && settingOf(name).kind !== "bool") i++;
  }
  return { command: undefined, args };
}

interface PreparedArgs {
  readonly prepared: string[];
  readonly help: boolean;
  readonly problems: ConfigProblem[];
}

/** Gives every known flag its value after "=": "--debug" becomes "--debug=true". */
function prepareArgs(args: readonly string[]): PreparedArgs {
  const prepared: string[] = [];
  const problems: ConfigProblem[] = [];
  let help = false;
  for (let i = 0; i < args.length; i++) {
    const token = args[i]!;
    if (token === "--") return { prepared: [...prepared, ...args.slice(i)], help, problems };
    const short = /^-([a-z])(=?)(.+)$/s.exec(token);
    const name = settingOfFlag(token) ??
      (short === null ? undefined : settingOfFlag(`-${short[1]}`));
    if (token === "--help" || token === "-h") {
      help = true;
    } else if (name === undefined) {
      prepared.push(token);
    } else if (short !== null) {
      const isBool = settingOf(name).kind === "bool" && short[2] === "";
      prepared.push(`--${name}=${isBool ? "true" : short[3]}`);
      // "-dc FILE": the other letters of a group.
      if (isBool) args = args.toSpliced(i--, 1, `-${short[3]}`);
    } else if (settingOf(name).kind === "bool") {
      prepared.push(`--${name}=true`);
    } else if (lacksValue(args[i + 1])) {
      problems.push(missingArgument(token));
    } else {
      prepared.push(`--${name}=${args[++i]}`);
    }
  }
  return { prepared, help, problems };
}

/** Whether what follows a flag cannot be its value: nothing, or another flag. */
function lacksValue(next: string | undefined): boolean {
  return next === undefined || next.startsWith("--") || settingOfFlag(next) !== undefined;
}

/** The setting of "--name" or "-n"; undefined for anything else, "--name=value" included. */
function settingOfFlag(token: string): SettingName | undefined {
  return SETTING_NAMES.find((name) =>
    flagOf(name) === token || (token.length === 2 && token === `-${settingOf(name).short}`)
  );
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function missingArgument(flag: string): ConfigProblem {
  return usageProblem(flag, undefined, "Needs a value", `Write it like ${flag} VALUE`);
}

function unexpectedArgument(text: string): ConfigProblem {
  const hint = "Every setting has a flag; see start --help";
  return usageProblem("Argument", text, "Is not a flag", hint);
}

function unknownFlag(flag: string): ConfigProblem {
  const name = SETTING_NAMES.find((name) => `--${name}` === flag);
  if (name !== undefined) {
    const instead = `Set ${environmentNamesOf(name)[0]}, or put it into the settings file`;
    return usageProblem(flag, undefined, "Cannot be given on the command line", instead);
  }
  const negated = SETTING_NAMES.find((name) => flag === `--no-${name}`);
  if (negated !== undefined) {
    return usageProblem(flag, undefined, "Unknown flag", `Write --${negated}=false`);
  }
  const flags = SETTING_NAMES.flatMap((name) => flagOf(name)?.slice(2) ?? []);
  const nearest = findNearestName(flag.replace(/^-+/, ""), [...flags, "help"]);
  const hint = nearest === undefined ? "See start --help" : `Did you mean --${nearest}?`;
  return usageProblem(flag, undefined, "Unknown flag", hint);
}

function usageProblem(
  setting: string,
  value: string | undefined,
  ...[problem, hint]: readonly [problem: string, hint: string]
): ConfigProblem {
  return {
    kind: "usage",
    setting,
    source: { origin: "flag", name: setting },
    value,
    problem,
    hint,
  };
}
