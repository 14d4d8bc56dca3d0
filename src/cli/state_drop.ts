import { Fault } from "../core/fault.ts";
import type { QuarantineEntries } from "../state/quarantine_entries.ts";
import type { QuarantineEntry } from "../state/quarantine_line.ts";
import { openStorageFolder } from "../state/storage_folder.ts";
import { StorageLock } from "../state/storage_lock.ts";
import { openQuarantine } from "./open_quarantine.ts";
import { describeEntry, findEntries } from "./state_entries.ts";
import { usesStateServer } from "./state_server.ts";
import type { StateContext } from "./state_table.ts";
import { readTerminalLine } from "./terminal_input.ts";
import { writeErr, writeOut } from "./terminal.ts";

/** As many are named before a person is asked. */
const MAX_NAMED = 10;

/** `state quarantine drop`: throws entries away, once a person or `--yes` has said so. */
export async function dropEntries(context: StateContext): Promise<number> {
  const { flags } = context;
  using quarantine = await openQuarantine(context);
  const named = namedEntries(context);
  if ((await quarantine.measure()).count === 0 && named === "all") {
    writeOut("The quarantine is empty: nothing to drop\n");
    return 0;
  }
  const isMeant = await findEntries(quarantine, named);
  using _lock = await lockQuarantine(context);
  if (!flags.has("--yes") && !await isConfirmed(quarantine, isMeant)) {
    writeOut("Nothing was dropped\n");
    return 0;
  }
  let count = 0;
  await quarantine.takeOut((entry) => {
    if (!isMeant(entry)) return false;
    count++;
    return true;
  });
  writeOut(`${count === 1 ? "1 entry" : `${count} entries`} dropped\n`);
  return 0;
}

/** @throws {Fault} unless either entries or `--all` were given. */
export function namedEntries({ entries, flags }: StateContext): readonly string[] | "all" {
  const isAll = flags.has("--all");
  if (isAll === entries.length > 0) {
    throw new Fault("usage", isAll ? "Entries are named besides --all" : "No entry is named", {
      hint: "Give entries, as state quarantine list shows them, or --all",
    });
  }
  return isAll ? "all" : entries;
}

/** Files are changed by one process alone, servers by many. @throws {Fault} while a handler runs. */
export async function lockQuarantine({ config, folder, pid }: StateContext): Promise<Disposable> {
  if (usesStateServer(config)) return { [Symbol.dispose]() {} };
  await openStorageFolder(folder);
  const hint = "Stop it before you change the quarantine; list and show work while it runs";
  return await StorageLock.acquire(folder, pid, hint);
}

async function isConfirmed(
  quarantine: QuarantineEntries,
  isMeant: (entry: QuarantineEntry) => boolean,
): Promise<boolean> {
  if (!Deno.stdin.isTerminal()) {
    throw new Fault("usage", "Nobody is there to confirm that events are dropped for good", {
      hint: "Give --yes",
    });
  }
  let count = 0;
  for await (const entry of quarantine.read()) {
    if (!isMeant(entry)) continue;
    if (++count <= MAX_NAMED) writeErr(`  ${describeEntry(entry)}\n`);
  }
  if (count > MAX_NAMED) writeErr(`  and ${count - MAX_NAMED} more\n`);
  const what = count === 1 ? "this entry" : `these ${count} entries`;
  writeErr(`Do you want to drop ${what} for good? [y/N] `);
  return /^(y|yes)$/i.test((await readTerminalLine()).trim());
}
