import { findNearestName } from "./nearest_name.ts";
import { ENVIRONMENT_NAMES, environmentNamesOf } from "./setting_names.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";

/** A value of the environment. */
export interface EnvironmentValue {
  /** The variable. */
  readonly name: string;
  /** Its text. */
  readonly text: string;
}

/** What the environment says. */
export interface SettingsEnvironment {
  /** The values of the settings that it holds. */
  readonly values: ReadonlyMap<SettingName, EnvironmentValue>;
  /** Variables of ours that no setting has, and settings given twice. */
  readonly warnings: readonly string[];
}

/**
 * Reads the settings among the variables. One that is set to the empty string counts as unset, except
 * for a list, where it means none.
 */
export function readEnvironment(env: { readonly [name: string]: string }): SettingsEnvironment {
  const warnings: string[] = [];
  const values = new Map<SettingName, EnvironmentValue>();
  for (const name of SETTING_NAMES) {
    const setting = settingOf(name);
    const [first, ...others] = environmentNamesOf(name)
      .filter((variable) => Object.hasOwn(env, variable))
      .map((variable) => ({ name: variable, text: env[variable]! }))
      .filter(({ text }) => text !== "" || setting.kind === "list");
    if (first === undefined) continue;
    values.set(name, first);
    for (const other of others.filter(({ text }) => text !== first.text)) {
      warnings.push(
        `${other.name} differs from ${first.name}, which is used. Remove one of the two`,
      );
    }
  }
  for (const variable of Object.keys(env).sort()) {
    if (!/^(FDFWD|FDWRD)_/.test(variable) || ENVIRONMENT_NAMES.includes(variable)) continue;
    const nearest = findNearestName(variable, ENVIRONMENT_NAMES);
    const hint = nearest === undefined ? "It has no effect" : `Did you mean ${nearest}?`;
    warnings.push(`Unknown environment variable ${variable}. ${hint}`);
  }
  return { values, warnings };
}
