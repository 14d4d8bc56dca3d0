import { Fault } from "../core/fault.ts";
import type { PipelineObserver, PositionStore } from "../pipeline/ports.ts";
import { waitForStore } from "../pipeline/wait_for_store.ts";
import { HeldFiles } from "../state/held_files.ts";
import type { KvConnection } from "../state/kv_connection.ts";
import { KvPositionStore } from "../state/kv_position_store.ts";
import { MemoryPositionStore } from "../state/memory_position_store.ts";
import { openStorageFolder } from "../state/storage_folder.ts";
import { StorageLock } from "../state/storage_lock.ts";
import type { ForwardLogInput } from "./forward_log.ts";
import { createStateServer, usesStateServer } from "./state_server.ts";

/** The store of a run. */
export interface OpenedStore extends PositionStore, Disposable {
  /** The server that holds it; undefined where it is in a file or in memory. */
  readonly server: KvConnection | undefined;
  /** The files that hold it; undefined where it is on a server or in memory. */
  readonly held: HeldFiles | undefined;
}

/** What opening takes. */
export interface OpenStoreInput
  extends Pick<ForwardLogInput, "clock" | "config" | "logger" | "pid" | "stop"> {
  /** Told while a server is waited for. */
  readonly observer: PipelineObserver;
}

/**
 * Opens the store, with its lock where it is a file; a dry run keeps its positions in memory and leaves
 * the real ones alone. A server that is away is waited for. Undefined when that was stopped.
 *
 * @throws {Fault} when waiting would not help, or is not wanted.
 */
export async function openStore(
  input: OpenStoreInput,
  folder: string,
): Promise<OpenedStore | undefined> {
  const { clock, config, logger, pid } = input;
  if (config.dryRun) {
    logger.warning("Dry run: nothing is sent to Fluentd, and the stored position is not touched");
    return Object.assign(new MemoryPositionStore(), {
      server: undefined,
      held: undefined,
      [Symbol.dispose]: () => {},
    });
  }
  if (usesStateServer(config)) return await openServerStore(input);
  const openToOthers = await openStorageFolder(folder);
  if (openToOthers !== undefined) logger.warning(openToOthers);
  using cleanup = new DisposableStack();
  cleanup.use(await StorageLock.acquire(folder, pid));
  const store = cleanup.use(await KvPositionStore.open(`${folder}/state.kv`, clock.nowMs()));
  const held = await HeldFiles.hold([`${folder}/state.kv`, `${folder}/lock`]);
  return toOpenedStore(store, { server: undefined, held, resources: cleanup.move() });
}

async function openServerStore(input: OpenStoreInput): Promise<OpenedStore | undefined> {
  const { clock, config } = input;
  using cleanup = new DisposableStack();
  const server = cleanup.use(await createStateServer(config, clock));
  const store = new KvPositionStore(server);
  const isProved = await waitForStore(async () => {
    try {
      await store.prove(clock.nowMs());
      return true;
    } catch (error) {
      throw toStartFault(error, config.failFast);
    }
  }, { ...input, streamId: "log" });
  if (isProved === undefined) return undefined;
  return toOpenedStore(store, { server, held: undefined, resources: cleanup.move() });
}

/** What has to be changed is said at once; the rest is waited for, unless that is not wanted. */
function toStartFault(error: unknown, failFast: boolean): unknown {
  if (!(error instanceof Fault) || error.kind !== "state") return error;
  const { hint = "", lasting, message } = error;
  if (lasting) return new Fault("config", message, { hint, cause: error });
  if (!failFast) return error;
  return new Fault("unavailable", message, {
    hint: "To wait for it instead, start without fail-fast",
    cause: error,
  });
}

/** The store with what it lies in; a write counts only while its files are where they were. */
function toOpenedStore(
  store: PositionStore,
  { held, resources, server }: Pick<OpenedStore, "held" | "server"> & {
    readonly resources: Disposable;
  },
): OpenedStore {
  const write = <T>(use: () => Promise<T>) => held === undefined ? use() : held.within(use);
  return {
    server,
    held,
    read: (streamId) => store.read(streamId),
    list: (prefix) => store.list(prefix),
    commit: (commit) => write(() => store.commit(commit)),
    forget: (streamIds) => write(() => store.forget(streamIds)),
    [Symbol.dispose]: () => resources[Symbol.dispose](),
  };
}
