import { Fault } from "../core/fault.ts";
import { type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { PositionStore } from "../pipeline/ports.ts";
import { probeQuarantine } from "../state/quarantine_probe.ts";
import type { KvConnection } from "../state/kv_connection.ts";
import { probeServerState, probeStateServer } from "../state/state_server_probe.ts";
import { probeState, probeStorageLock } from "../state/state_probe.ts";
import { storageFolderFor } from "../state/storage_folder.ts";
import { probeStorage } from "../state/storage_probe.ts";
import { createAuthConnection } from "../teleport/auth_connection.ts";
import type { LogPosition } from "../teleport/log_position.ts";
import { describeLogPosition } from "../teleport/position_facts.ts";
import { configOf, type DoctorFacts, networkOf } from "./doctor_facts.ts";
import { probeGoState } from "./doctor_go_state.ts";
import type { Check } from "./doctor_run.ts";
import { firstLogPosition } from "./first_position.ts";
import { openQuarantine } from "./open_quarantine.ts";
import { createStateServer, usesStateServer } from "./state_server.ts";

const SHARED = "Handlers may share a server";

/** Checks of what keeps how far the export got. */
export function storageChecks(facts: DoctorFacts): readonly Check[] {
  const folder = () => {
    const { storage, teleportAddr } = configOf(facts);
    return storageFolderFor(storage, teleportAddr);
  };
  return [
    {
      name: "storage",
      subject: "Storage",
      needs: ["settings"],
      run: () => withServer(facts, probeStateServer) ?? probeStorage(folder()),
    },
    {
      name: "storage-lock",
      subject: "Storage lock",
      needs: ["storage"],
      run: () => usesStateServer(configOf(facts)) ? ok(SHARED) : probeStorageLock(folder()),
    },
    {
      name: "state",
      subject: "Stored position",
      needs: ["settings"],
      after: ["storage", "teleport-role"],
      run: (signal) => checkPosition(facts, folder(), signal),
    },
    {
      name: "quarantine",
      subject: "Quarantine",
      needs: ["settings"],
      after: ["storage"],
      run: async () => {
        using quarantine = await openQuarantine({ config: configOf(facts), folder: folder() });
        return await probeQuarantine(quarantine);
      },
    },
  ];
}

/** Undefined where the state is in files. */
function withServer<T>(
  facts: DoctorFacts,
  probe: (server: KvConnection, clock: Clock) => Promise<T>,
): Promise<T> | undefined {
  const { clock } = facts;
  const config = configOf(facts);
  if (!usesStateServer(config)) return undefined;
  return (async () => {
    using server = await createStateServer(config, clock);
    return await probe(server, clock);
  })();
}

/** Goes by the rules of a start for where to begin. */
async function checkPosition(
  facts: DoctorFacts,
  folder: string,
  signal: AbortSignal,
): Promise<Finding> {
  const { clock } = facts;
  const { cursor, startTimeMs } = configOf(facts);
  const { finding, positions } = await (withServer(facts, probeServerState) ??
    probeState(folder, clock.nowMs()));
  if (finding.status !== "ok") return finding;
  const goState = await probeGoState(configOf(facts), positions, clock.nowMs());
  if (goState !== undefined) return goState;
  if (positions.size === 0 && cursor !== undefined && facts.mayReadEvents !== true) {
    return warning("Nothing is stored yet, and the event of cursor cannot be looked for", {
      advice: "See what is said of Teleport above",
    });
  }
  using cleanup = new DisposableStack();
  const connection = createAuthConnection({
    ...configOf(facts).teleportAddr,
    network: networkOf(facts),
    route: facts.route,
    credentials: facts.credentials ?? { key: "", certificate: "", authorities: [] },
  });
  cleanup.use(connection);
  const store: Pick<PositionStore, "read"> = {
    read: (streamId) => Promise.resolve(positions.get(streamId)),
  };
  let position: LogPosition;
  try {
    position = await firstLogPosition({
      startMs: startTimeMs,
      cursor,
      store: store as PositionStore,
      auditLog: connection.auditLog,
      clock,
      logger: SILENT,
      stop: signal,
    });
  } catch (error) {
    if (error instanceof Fault) return findingOfFault(error);
    if (!signal.aborted) throw error;
    return warning("The event of cursor was not found in the time that doctor has", {
      advice: "A start goes on looking; give start-time as well to look in a shorter time",
    });
  }
  if (positions.size > 0) return describeLogPosition(position, clock.nowMs());
  if (cursor !== undefined) return ok("Nothing is stored yet; the event of cursor was found");
  return startTimeMs === undefined
    ? ok("Nothing is stored yet: the first start begins with the events of then")
    : ok(`Nothing is stored yet: the first start begins at ${formatTime(startTimeMs)}`);
}

const SILENT: Logger = {
  isDebug: false,
  debug() {},
  info() {},
  warning() {},
  error() {},
};

function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
