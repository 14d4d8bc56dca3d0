import { systemClock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { Position } from "../core/position.ts";
import { observeAll } from "../pipeline/observe_all.ts";
import { probeState } from "../state/state_probe.ts";
import { type OpenedStore, openStore } from "./open_store.ts";
import { refuseRunningReplicas } from "./refuse_running_replicas.ts";
import { CHANGING, refuseHalfOfState } from "./replace_state.ts";
import { usesStateServer } from "./state_server.ts";
import type { StateContext } from "./state_table.ts";

/** All positions, by their streams. */
export type Positions = ReadonlyMap<string, Position>;

/** Says nothing. */
export const SILENT: Logger = {
  isDebug: false,
  debug() {},
  info() {},
  warning() {},
  error() {},
};

/**
 * Opens the store to change it, or to take it away whole.
 *
 * @throws {Fault} while a handler runs, and when it cannot be opened; a server is not waited for.
 */
export async function openStateStore(context: StateContext): Promise<OpenedStore> {
  using cleanup = new DisposableStack();
  const store = cleanup.use(await openBesideOthers(context));
  if (store.server !== undefined) {
    await refuseRunningReplicas(store.server, context.config, systemClock);
  }
  cleanup.move();
  return store;
}

async function openBesideOthers({ config, folder, pid }: StateContext): Promise<OpenedStore> {
  const input = {
    config: { ...config, dryRun: false, failFast: true },
    clock: systemClock,
    logger: SILENT,
    observer: observeAll([]),
    stop: new AbortController().signal,
    pid,
  };
  try {
    return (await openStore(input, folder))!;
  } catch (error) {
    if (!(error instanceof Fault) || !/ is in use by /.test(error.message)) throw error;
    throw new Fault("state", error.message, {
      hint: "Stop it first; state show works while it runs",
      cause: error,
    });
  }
}

/** All that is stored. @throws {Fault} when a change of it broke off. */
export async function readPositions(store: OpenedStore): Promise<Positions> {
  const positions = new Map<string, Position>();
  for await (const { position, streamId } of store.list("")) positions.set(streamId, position);
  refuseHalfOfState(positions.get(CHANGING));
  return positions;
}

/** All that is stored, also while a handler runs, and without any change. @throws {Fault} */
export async function lookAtPositions(context: StateContext): Promise<Positions> {
  if (usesStateServer(context.config)) {
    using store = await openBesideOthers(context);
    return await readPositions(store);
  }
  const { finding, positions } = await probeState(context.folder, systemClock.nowMs());
  if (finding.status !== "ok") {
    const hint = finding.advice === undefined ? {} : { hint: finding.advice };
    throw new Fault("state", finding.text, hint);
  }
  refuseHalfOfState(positions.get(CHANGING));
  return positions;
}

/** Whether there is a place where a state may be; asking a file for one would make it. */
export async function hasStateStore(
  { config, folder }: Pick<StateContext, "config" | "folder">,
): Promise<boolean> {
  if (usesStateServer(config)) return true;
  return await Deno.lstat(`${folder}/state.kv`).then(() => true, () => false);
}
