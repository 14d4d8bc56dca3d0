import { renderConfigProblems } from "../config/config_problem.ts";
import { loadConfig } from "../config/load_config.ts";
import { Fault } from "../core/fault.ts";
import { storageFolderFor } from "../state/storage_folder.ts";
import type { CliInput } from "./run_cli.ts";
import { settingsSources } from "./settings_sources.ts";
import { parseStateArgs } from "./state_args.ts";
import { STATE_ACTIONS } from "./state_table.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { PROGRAM } from "./usage.ts";
import { readTeleportNetwork } from "./teleport_network.ts";

/** Runs `state` and returns its exit code. @throws {Fault} */
export async function runState(input: CliInput): Promise<number> {
  const { operands, flags, settings, help } = parseStateArgs(input.args);
  if (help) {
    writeOut(formatStateHelp());
    return 0;
  }
  const action = STATE_ACTIONS.find(({ name }) => {
    const words = name.split(" ");
    return words.every((word, i) => operands[i] === word);
  });
  if (action === undefined) {
    const given = operands.join(" ");
    throw new Fault("usage", given === "" ? "Nothing to do" : `Unknown: state ${given}`, {
      hint: `There are ${STATE_ACTIONS.map(({ name }) => `state ${name}`).join(", ")}`,
    });
  }
  const entries = operands.slice(action.name.split(" ").length);
  for (const flag of flags) {
    if (!action.flags.includes(flag)) refuse(`Unknown flag ${flag} of state ${action.name}`);
  }
  if (entries.length > action.maxEntries) {
    refuse(`Unknown argument '${entries[action.maxEntries]}' of state ${action.name}`);
  }
  const loaded = await loadConfig(settingsSources({ ...input, args: settings }));
  if (!loaded.ok) {
    writeErr(renderConfigProblems(loaded.problems));
    return loaded.exitCode;
  }
  const { config } = loaded;
  const folder = storageFolderFor(config.storage, config.teleportAddr);
  const network = readTeleportNetwork(input.env);
  return await action.run({ config, folder, pid: input.pid, entries, flags, network });
}

function formatStateHelp(): string {
  const heads = STATE_ACTIONS.map(({ name, synopsis }) => `state ${name} ${synopsis}`.trimEnd());
  const width = Math.max(...heads.map((head) => head.length)) + 2;
  const rows = STATE_ACTIONS.map(({ summary }, i) => `  ${heads[i]!.padEnd(width)}${summary}\n`);
  return `Usage: ${PROGRAM} state ACTION [--config FILE] [FLAG...]

Look at what is stored, and change it.

${rows.join("")}
TIME is written like 2026-01-31T10:00:00Z. EVENT is the uid of an event. FILE holds the state as JSON;
left out, it is standard output or input. DIR is what storage names for the Go handler; left out, it is
storage. An ENTRY is what the list shows in its first column, or the beginning of it, or the id of an
event.

      --all        All entries
      --go-layout  The files of the Go handler, in place of JSON
      --json       Print JSON; of quarantine show, the line as it stands
      --yes        Do it without asking
  -h, --help       Show this text

What changes something, and export, need the handler to be stopped; show, quarantine list and quarantine
show work while it runs. All flags, variables and keys of start count, because they say where the state
is and where events go; see ${PROGRAM} start --help.

Exit code: 0 done; 1 something was not done; 2 the command line is wrong; 78 a setting is wrong.
`;
}

function refuse(problem: string): never {
  throw new Fault("usage", problem, { hint: "See state --help" });
}
