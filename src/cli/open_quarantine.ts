import type { Config } from "../config/config.ts";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/clock.ts";
import { DryRunQuarantine } from "../pipeline/dry_run.ts";
import type { Quarantine } from "../pipeline/ports.ts";
import type { KvConnection } from "../state/kv_connection.ts";
import { KvQuarantine } from "../state/kv_quarantine.ts";
import type { QuarantineEntries } from "../state/quarantine_entries.ts";
import { QuarantineFile } from "../state/quarantine_file.ts";
import { QuarantineFolder } from "../state/quarantine_folder.ts";
import { createStateServer, usesStateServer } from "./state_server.ts";

/** Where the settings say that a quarantine is. */
export interface QuarantinePlace {
  readonly config: Config;
  /** The storage folder of the cluster, where it is in files. */
  readonly folder: string;
}

/** The quarantine of a run; `server` where the state is on one. */
export function createQuarantine(
  { config, folder }: QuarantinePlace,
  server: KvConnection | undefined,
  clock: Clock,
): Quarantine {
  if (config.dryRun) return new DryRunQuarantine();
  const maxBytes = config.quarantineMaxSizeBytes;
  if (server === undefined) {
    return new QuarantineFile({ folder: `${folder}/quarantine`, maxBytes, clock });
  }
  return new KvQuarantine({ connection: server, place: config.storage, maxBytes, clock });
}

/** The quarantine that the settings name, to look at and take entries out of. @throws {Fault} */
export async function openQuarantine(
  { config, folder }: QuarantinePlace,
): Promise<QuarantineEntries & Disposable> {
  if (!usesStateServer(config)) {
    return Object.assign(new QuarantineFolder(`${folder}/quarantine`), {
      [Symbol.dispose]: () => {},
    });
  }
  const connection = await createStateServer(config, systemClock);
  const entries = new KvQuarantine({ connection, place: config.storage, clock: systemClock });
  return Object.assign(entries, { [Symbol.dispose]: () => connection[Symbol.dispose]() });
}
