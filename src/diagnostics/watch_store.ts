import { formatError } from "../core/fault.ts";
import type { Commit, PositionStore } from "../pipeline/ports.ts";
import type { RunObserver } from "./run_observer.ts";

/** Who is told of the commits of a store. */
export interface WatchStoreOptions {
  readonly observer: Pick<RunObserver, "committed" | "commitFailed">;
  /** Told of what was stored. */
  readonly onCommit: (commit: Commit) => void;
}

/** The same store, with a word about each commit. */
export function watchStore(store: PositionStore, options: WatchStoreOptions): PositionStore {
  const { observer, onCommit } = options;
  return {
    read: (streamId) => store.read(streamId),
    list: (prefix) => store.list(prefix),
    forget: (streamIds) => store.forget(streamIds),
    async commit(commit) {
      try {
        await store.commit(commit);
      } catch (error) {
        observer.commitFailed(formatError(error));
        throw error;
      }
      observer.committed();
      onCommit(commit);
    },
  };
}
