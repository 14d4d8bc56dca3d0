import { Fault } from "../core/fault.ts";
import type { PositionStore } from "./ports.ts";
import { type StoreWaitOptions, waitForStore } from "./wait_for_store.ts";

/**
 * The same store, of which every call waits until it works: a store that is away for a moment ends no
 * run, whoever asks. Once `stop` is aborted a call is tried once, and throws what that fails by.
 */
export function patientStore(
  store: PositionStore,
  options: Omit<StoreWaitOptions, "streamId">,
): PositionStore {
  /** The last commit of each stream that is under way. */
  const commits = new Map<string, Promise<void>>();
  async function patiently<T>(streamId: string, use: () => Promise<T>): Promise<T> {
    let failure: unknown;
    const result = await waitForStore(async () => {
      try {
        return { value: await use() };
      } catch (error) {
        failure = error;
        throw error;
      }
    }, { ...options, streamId });
    if (result === undefined) throw failure ?? new Fault("internal", "Nothing was tried");
    return result.value;
  }
  return {
    read: (streamId) => patiently(streamId, () => store.read(streamId)),
    commit(commit) {
      const { streamId } = commit;
      const write = () => patiently(streamId, () => store.commit(commit));
      // One that waits for the store is not overtaken by a later one of the same stream.
      const before = commits.get(streamId);
      const written = before === undefined ? write() : before.then(write);
      const ended = written.catch(() => {}).then(() => {
        if (commits.get(streamId) === ended) commits.delete(streamId);
      });
      commits.set(streamId, ended);
      return written;
    },
    forget: (streamIds) => patiently("log", () => store.forget(streamIds)),
    async *list(prefix) {
      // A list that breaks off is begun again, so nothing of it is given before all of it is there.
      yield* await patiently("log", () => Array.fromAsync(store.list(prefix)));
    },
  };
}
