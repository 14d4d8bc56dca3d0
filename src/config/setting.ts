/** Headings under which the settings are listed, in this order. */
export const GROUPS = [
  "General",
  "Teleport",
  "Fluentd",
  "Events",
  "State",
  "Lock",
  "Log",
  "Diagnostics",
] as const;

/** Heading under which a setting is listed. */
export type Group = typeof GROUPS[number];

/** What every setting has, whatever its kind. */
export interface SettingBase {
  /** Heading under which it is listed. */
  readonly group: Group;
  /** What it does, in one sentence. */
  readonly doc: string;
  /** The default, written as a person would write it. */
  readonly default?: string;
  /** A value to show in the example file, written like the default. */
  readonly example?: string;
  /** What happens without a value, where there is no default. */
  readonly unset?: string;
  /** Whether the program cannot start without it. */
  readonly required?: true;
  /** Whether its value is never shown. */
  readonly secret?: true;
  /** `false` when the command line may not carry it. */
  readonly flag?: false;
  /** One-letter flag. */
  readonly short?: string;
  /** Environment variables accepted besides the derived one. */
  readonly env?: readonly string[];
  /** TOML paths accepted besides the derived ones; `false` when the file cannot hold it. */
  readonly toml?: readonly string[] | false;
  /** Why the setting is accepted but has no effect. */
  readonly ignored?: string;
}

/** Any text. */
export interface StringSetting extends SettingBase {
  readonly kind: "string";
}

/** A whole number. */
export interface IntSetting extends SettingBase {
  readonly kind: "int";
  /** Smallest value. */
  readonly min: number;
  /** Largest value. */
  readonly max: number;
  /** What is said in place of the range when the value is below `min`. */
  readonly belowMin?: string;
}

/** True or false. */
export interface BoolSetting extends SettingBase {
  readonly kind: "bool";
}

/** A duration in Go syntax; milliseconds in `Config`. */
export interface DurationSetting extends SettingBase {
  readonly kind: "duration";
  /** Shortest value, in Go syntax. */
  readonly min: string;
}

/** A number of bytes. */
export interface SizeSetting extends SettingBase {
  readonly kind: "size";
  /** Smallest value, with its unit. */
  readonly min: string;
}

/** A comma-separated list. */
export interface ListSetting extends SettingBase {
  readonly kind: "list";
}

/** A file that must exist and be readable. */
export interface PathSetting extends SettingBase {
  readonly kind: "path";
}

/** A directory, existing or to be made, or the URL of a server that keeps what would be in it. */
export interface StorageSetting extends SettingBase {
  readonly kind: "storage";
}

/** `stdout`, `stderr`, or the path of a file, existing or to be made. */
export interface OutputSetting extends SettingBase {
  readonly kind: "output";
}

/** An http or https URL. */
export interface UrlSetting extends SettingBase {
  readonly kind: "url";
  /** A URL to show in hints and examples. */
  readonly example: string;
}

/** An RFC 3339 time; milliseconds since the epoch in `Config`, truncated to seconds. */
export interface TimeSetting extends SettingBase {
  readonly kind: "time";
}

/** A host and a port. */
export interface AddressSetting extends SettingBase {
  readonly kind: "address";
  /** Port assumed when none is given; `search` where it is found out. */
  readonly defaultPort: number | "search";
  /** What is said of a value that is none, in place of an address of Teleport. */
  readonly hint?: string;
}

/** One of a few words. */
export interface ChoiceSetting extends SettingBase {
  readonly kind: "choice";
  /** The words as `Config` holds them. */
  readonly choices: readonly string[];
  /** Further words, and what each stands for. */
  readonly synonyms?: { readonly [word: string]: string };
}

/** How one setting is declared. Whatever is not here is derived from its name. */
export type Setting =
  | StringSetting
  | IntSetting
  | BoolSetting
  | DurationSetting
  | SizeSetting
  | ListSetting
  | PathSetting
  | StorageSetting
  | OutputSetting
  | UrlSetting
  | TimeSetting
  | AddressSetting
  | ChoiceSetting;
