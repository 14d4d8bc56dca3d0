import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";

/** Sections that the canonical TOML spelling of a setting uses; the others stay at the top level. */
const SECTIONS: { readonly [firstWord: string]: string } = {
  teleport: "teleport",
  fluentd: "forward.fluentd",
  lock: "lock",
  log: "log",
};

/** Returns the long flag with its dashes; undefined when the command line may not carry the setting. */
export function flagOf(name: SettingName): string | undefined {
  return settingOf(name).flag === false ? undefined : `--${name}`;
}

/**
 * Returns every environment variable that carries the setting, the derived name first. Where several
 * are set, the first in this order counts.
 */
export function environmentNamesOf(name: SettingName): readonly string[] {
  const derived = `FDFWD_${name.replaceAll("-", "_").toUpperCase()}`;
  return [derived, ...settingOf(name).env ?? []];
}

/**
 * Returns every TOML path that carries the setting, in the order of precedence. The rule is the
 * official handler's: "fluentd" stands for the table `forward.fluentd`; every dash as a dot comes
 * first, the literal name second. A `[fluentd]` table, the flat `fluentd-…` keys and what the table
 * of settings adds come after.
 */
export function tomlPathsOf(name: SettingName): readonly string[] {
  const extra = settingOf(name).toml;
  if (extra === false) return [];
  const paths: string[] = [];
  if (name.startsWith("fluentd-")) {
    const rest = name.slice("fluentd-".length);
    for (const section of ["forward.fluentd", "fluentd"]) {
      paths.push(`${section}.${rest.replaceAll("-", ".")}`, `${section}.${rest}`);
    }
    paths.push(name);
  } else if (name.startsWith("storage-")) {
    // "storage" itself is a text, which holds nothing.
    paths.push(name);
  } else {
    paths.push(name.replaceAll("-", "."), name);
  }
  return [...new Set([...paths, ...extra ?? []])];
}

/** Returns the TOML path that the documents show; undefined when the file cannot hold the setting. */
export function documentedTomlPathOf(name: SettingName): string | undefined {
  const paths = tomlPathsOf(name);
  if (paths.length === 0) return undefined;
  const [firstWord = "", ...words] = name.split("-");
  const section = words.length === 0 ? undefined : SECTIONS[firstWord];
  if (section === undefined) return name;
  const literal = `${section}.${words.join("-")}`;
  return paths.includes(literal) ? literal : `${section}.${words.join(".")}`;
}

/** Every environment variable that is read: what the program must be permitted to see. */
export const ENVIRONMENT_NAMES: readonly string[] = SETTING_NAMES.flatMap(environmentNamesOf);

/**
 * Variables that no setting has, and that are easily taken for those of one: with the other of the two
 * prefixes, or derived from a TOML path. They are looked for, so that a person can be told.
 */
export const NEAR_ENVIRONMENT_NAMES: readonly string[] = [
  ...new Set([
    ...ENVIRONMENT_NAMES.map((name) =>
      name.startsWith("FDFWD") ? name.replace("FDFWD", "FDWRD") : name.replace("FDWRD", "FDFWD")
    ),
    ...SETTING_NAMES.flatMap(tomlPathsOf)
      .map((path) => `FDFWD_${path.replaceAll(/[.-]/g, "_").toUpperCase()}`),
  ]),
].filter((name) => !ENVIRONMENT_NAMES.includes(name));
