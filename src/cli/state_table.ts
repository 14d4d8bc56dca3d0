import type { Config } from "../config/config.ts";
import type { StateFlag } from "./state_args.ts";
import { dropEntries } from "./state_drop.ts";
import { exportState } from "./state_export.ts";
import { importState } from "./state_import.ts";
import { listEntries, showEntry } from "./state_list.ts";
import { replayEntries } from "./state_replay.ts";
import { resetState } from "./state_reset.ts";
import { setCursor } from "./state_set_cursor.ts";
import { showState } from "./state_show.ts";
import type { TeleportNetwork } from "../teleport/routes/route.ts";

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
  /** How many entries of the quarantine, files or places may be named. */
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
  /** The network between here and the peers. */
  readonly network: TeleportNetwork;
}

/** All of it, in the order in which help lists it. */
export const STATE_ACTIONS: readonly StateAction[] = [
  {
    name: "show",
    synopsis: "[--json]",
    summary: "say how far the log and the recordings got",
    flags: ["--json"],
    maxEntries: 0,
    run: showState,
  },
  {
    name: "export",
    synopsis: "[FILE]|--go-layout [DIR] [--yes]",
    summary: "write it as JSON, or as the files of the Go handler",
    flags: ["--go-layout", "--yes"],
    maxEntries: 1,
    run: exportState,
  },
  {
    name: "import",
    synopsis: "[FILE]|--go-layout [DIR] [--yes]",
    summary: "put what export wrote, or what the Go handler has, in its place",
    flags: ["--go-layout", "--yes"],
    maxEntries: 1,
    run: importState,
  },
  {
    name: "set-cursor",
    synopsis: "TIME|EVENT [--yes]",
    summary: "let the log go on from a time, or behind an event",
    flags: ["--yes"],
    maxEntries: 1,
    run: setCursor,
  },
  {
    name: "reset",
    synopsis: "[--yes]",
    summary: "forget all of it, and begin anew",
    flags: ["--yes"],
    maxEntries: 0,
    run: resetState,
  },
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
