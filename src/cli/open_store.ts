import type { PositionStore } from "../pipeline/ports.ts";
import { KvPositionStore } from "../state/kv_position_store.ts";
import { MemoryPositionStore } from "../state/memory_position_store.ts";
import { openStorageFolder } from "../state/storage_folder.ts";
import { StorageLock } from "../state/storage_lock.ts";
import type { ForwardLogInput } from "./forward_log.ts";

/** The store with its lock; a dry run keeps its positions in memory and leaves the real ones alone. */
export async function openStore(
  input: Pick<ForwardLogInput, "clock" | "config" | "logger" | "pid">,
  folder: string,
): Promise<PositionStore & Disposable> {
  const { clock, config, logger, pid } = input;
  if (config.dryRun) {
    logger.warning("Dry run: nothing is sent to Fluentd, and the stored position is not touched");
    return Object.assign(new MemoryPositionStore(), { [Symbol.dispose]: () => {} });
  }
  const openToOthers = await openStorageFolder(folder);
  if (openToOthers !== undefined) logger.warning(openToOthers);
  using cleanup = new DisposableStack();
  cleanup.use(await StorageLock.acquire(folder, pid));
  const store = cleanup.use(await KvPositionStore.open(`${folder}/state.kv`, clock.nowMs()));
  const held = cleanup.move();
  return {
    read: (streamId) => store.read(streamId),
    list: (prefix) => store.list(prefix),
    commit: (commit) => store.commit(commit),
    forget: (streamIds) => store.forget(streamIds),
    [Symbol.dispose]: () => held[Symbol.dispose](),
  };
}
