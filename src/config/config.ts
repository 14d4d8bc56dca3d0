import type { SettingName, SETTINGS } from "./settings.ts";

/** A host and a port, the host without brackets. */
export interface HostPort {
  /** Name or IP address, as given. */
  readonly host: string;
  /** TCP port. */
  readonly port: number;
  /** None was given, and it is to be found out; `port` names the folder of the state then. */
  readonly isPortAssumed?: true;
}

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

type Row<Name extends SettingName> = typeof SETTINGS[Name];

/** The property of {@linkcode Config} for a setting; durations, times and sizes end with their unit. */
export type ConfigKey<Name extends SettingName = SettingName> = Row<Name>["kind"] extends
  "duration" | "time" ? `${Camel<Name>}Ms`
  : Row<Name>["kind"] extends "size"
    ? Name extends `${string}-bytes` ? Camel<Name> : `${Camel<Name>}Bytes`
  : Camel<Name>;

type KindValue<R> = R extends { kind: "int" | "duration" | "time" | "size" } ? number
  : R extends { kind: "bool" } ? boolean
  : R extends { kind: "list" } ? readonly string[]
  : R extends { kind: "address" } ? HostPort
  : R extends { kind: "choice"; choices: readonly (infer Word)[] } ? Word
  : string;

type Value<R> = R extends { required: true } | { default: string } ? KindValue<R>
  : KindValue<R> | undefined;

type IgnoredName = {
  [Name in SettingName]: Row<Name> extends { ignored: string } ? Name : never;
}[SettingName];

/**
 * The settings of `start` as the program uses them: valid, complete and immutable. Durations are in
 * milliseconds, times in milliseconds since the epoch. What has neither a value nor a default is
 * undefined. `logSeverity` is "debug" where `debug` is set.
 */
export type Config = {
  readonly [Name in Exclude<SettingName, IgnoredName> as ConfigKey<Name>]: Value<Row<Name>>;
};
