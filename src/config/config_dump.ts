import type { Config } from "./config.ts";
import { configKeyOf, type ConfigSources } from "./load_config.ts";
import { formatSettingValue, redactSettingText, type SettingValue } from "./setting_value.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";
import { formatSource } from "./source.ts";

/** One setting as it is shown at start. */
export interface ConfigEntry {
  /** The setting. */
  readonly name: SettingName;
  /** The value without secrets; what happens without one in parentheses. */
  readonly value: string;
  /** Where it came from, as in "env FDFWD_BATCH". */
  readonly source: string;
}

/** Lists every setting in effect with its value and source, in the order of the table; no secret. */
export function describeConfig(config: Config, sources: ConfigSources): readonly ConfigEntry[] {
  const values = config as unknown as { readonly [key: string]: SettingValue | undefined };
  return SETTING_NAMES.filter((name) => settingOf(name).ignored === undefined).map((name) => {
    const setting = settingOf(name);
    const value = values[configKeyOf(name)];
    const text = value === undefined ? "" : formatSettingValue(setting, value);
    const shown = text === ""
      ? `(${setting.unset ?? (setting.kind === "list" ? "none" : "not set")})`
      : redactSettingText(setting, text);
    return { name, value: shown, source: formatSource(sources[name]) };
  });
}
