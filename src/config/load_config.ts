import type { Config } from "./config.ts";
import { type ConfigProblem, exitCodeOf } from "./config_problem.ts";
import { checkConfigRules, findDoubtfulSettings } from "./config_rules.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";
import { readSources, type SourcesInput } from "./read_sources.ts";
import type { SettingResolver } from "./setting_resolver.ts";
import type { Source } from "./source.ts";

/** Where the value of each setting came from. */
export type ConfigSources = { readonly [name in SettingName]: Source };

/** What a person should know about valid or invalid settings. One sentence each, no secret. */
export interface ConfigRemarks {
  /** Most likely mistakes. */
  readonly warnings: readonly string[];
  /** What was assumed, left out or ignored. */
  readonly notices: readonly string[];
}

/** Valid settings. */
export interface LoadedConfig extends ConfigRemarks {
  /** They may be used. */
  readonly ok: true;
  /** The settings. */
  readonly config: Config;
  /** Where each came from. */
  readonly sources: ConfigSources;
}

/** Settings that are not valid: everything that is wrong with them. */
export interface RefusedConfig extends ConfigRemarks {
  /** They must not be used. */
  readonly ok: false;
  /** Everything that is wrong, the command line first. */
  readonly problems: readonly ConfigProblem[];
  /** 2 when the command line is among the problems, else 78. */
  readonly exitCode: number;
}

/** What a command does with the settings. */
export interface LoadOptions {
  /** Settings that it has no use for: nothing is wrong with them, missing or not. @default {none} */
  readonly unneeded?: readonly SettingName[];
}

/**
 * Reads the settings of `start` from the command line, the environment, the settings file and the
 * defaults, in this order of precedence. It depends on its input alone, writes nothing, and reports
 * all problems at once: a value that is present but not valid never gives way to a lower source.
 */
export async function loadConfig(
  input: SourcesInput,
  { unneeded = [] }: LoadOptions = {},
): Promise<LoadedConfig | RefusedConfig> {
  const { argsProblems, hasFile, resolver, warnings } = await readSources(input);
  for (const name of SETTING_NAMES) {
    if (name !== "config") await resolver.resolve(name);
  }

  const isNeeded = ({ setting }: ConfigProblem) => !unneeded.some((name) => name === setting);
  const problems = [...argsProblems, ...resolver.problems.filter(isNeeded)];
  // Without the file nobody knows which settings are missing.
  if (hasFile) problems.push(...checkConfigRules(resolver).filter(isNeeded));
  const remarks = {
    warnings: [...warnings, ...resolver.warnings, ...findDoubtfulSettings(resolver)]
      .map(escapeControls),
    notices: resolver.notices.map(escapeControls),
  };
  if (problems.length > 0) {
    return { ok: false, problems, exitCode: exitCodeOf(problems), ...remarks };
  }
  return { ok: true, ...collect(resolver), ...remarks };
}

/** Brings the resolved values into the shape of {@linkcode Config}. */
function collect(resolver: SettingResolver): { config: Config; sources: ConfigSources } {
  const config: { [key: string]: unknown } = {};
  const sources: { [name: string]: Source } = {};
  for (const name of SETTING_NAMES) {
    sources[name] = resolver.sourceOf(name);
    if (settingOf(name).ignored === undefined) config[configKeyOf(name)] = resolver.get(name);
  }
  if (config.debug === true) {
    config.logSeverity = "debug";
    sources["log-severity"] = sources.debug!;
  }
  return { config: Object.freeze(config) as Config, sources: sources as ConfigSources };
}

/** Returns the property of `Config` that holds a setting. */
export function configKeyOf(name: SettingName): string {
  const camel = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  const { kind } = settingOf(name);
  if (kind === "size" && !camel.endsWith("Bytes")) return `${camel}Bytes`;
  return kind === "duration" || kind === "time" ? `${camel}Ms` : camel;
}
