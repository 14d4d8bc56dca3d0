import type { Config } from "../config/config.ts";
import type { StateFlag } from "./state_args.ts";
import { dropEntries } from "./state_drop.ts";
import { listEntries, showEntry } from "./state_list.ts";
import { replayEntries } from "./state_replay.ts";

/** What `state` can do. */
export interface StateAction {
  /** The words after `state`. */
  readonly name: string;
  /** What follows them. */
  readonly synopsis: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** The flags that it takes besides those of the settings. */
  readonly flags: readonly StateFlag[];
  /** How many entries may be named. */
  readonly maxEntries: number;
  /** Returns the exit code. */
  readonly run: (context: StateContext) => Promise<number>;
}

/** What it is given. */
export interface StateContext {
  readonly config: Config;
  /** The storage folder of the cluster. */
  readonly folder: string;
  readonly pid: number;
  readonly entries: readonly string[];
  readonly flags: ReadonlySet<StateFlag>;
}

/** All of it, in the order in which help lists it. */
export const STATE_ACTIONS: readonly StateAction[] = [
  {
    name: "quarantine list",
    synopsis: "[--json]",
    summary: "list the events that Fluentd has refused",
    flags: ["--json"],
    maxEntries: 0,
    run: listEntries,
  },
  {
    name: "quarantine show",
    synopsis: "ENTRY [--json]",
    summary: "show one with its payload",
    flags: ["--json"],
    maxEntries: 1,
    run: showEntry,
  },
  {
    name: "quarantine replay",
    synopsis: "ENTRY...|--all",
    summary: "send them again, and take out what Fluentd takes",
    flags: ["--all"],
    maxEntries: Infinity,
    run: replayEntries,
  },
  {
    name: "quarantine drop",
    synopsis: "ENTRY...|--all [--yes]",
    summary: "throw them away",
    flags: ["--all", "--yes"],
    maxEntries: Infinity,
    run: dropEntries,
  },
];
