import type { LoadedConfig } from "../config/load_config.ts";
import type { Clock } from "../core/clock.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import type { TeleportCredentials } from "../teleport/credentials.ts";
import type { Route, TeleportNetwork } from "../teleport/routes/route.ts";
import type { CliInput } from "./run_cli.ts";
import { readTeleportNetwork } from "./teleport_network.ts";

/** What the checks of one run learn, each for those that need it. */
export interface DoctorFacts {
  readonly input: CliInput;
  readonly clock: Clock;
  /** The settings; set by the first check, without which no other runs. */
  loaded?: LoadedConfig;
  credentials?: TeleportCredentials;
  /** The way to Teleport that was found. */
  route?: Route;
  receiverTls?: ReceiverTls;
  /** Whether the audit log could be read. */
  mayReadEvents?: boolean;
  /** Time of the newest event. */
  newestMs?: number | undefined;
  /** How far the receiver's clock is ahead of ours. */
  receiverAheadMs?: number | undefined;
  /** Exit code that the settings alone demand. */
  settingsExitCode?: number;
}

/** The settings, in a check that runs only when there are some. */
export function configOf({ loaded }: DoctorFacts): LoadedConfig["config"] {
  if (loaded === undefined) throw new TypeError("Cannot check without settings");
  return loaded.config;
}

/** The network between here and the peers. */
export function networkOf({ input }: DoctorFacts): TeleportNetwork {
  return readTeleportNetwork(input.env);
}
