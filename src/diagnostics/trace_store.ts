import type { Tracer } from "../core/tracer.ts";
import type { PositionStore } from "../pipeline/ports.ts";

/** The same store, with a span for each commit. */
export function traceStore(store: PositionStore, tracer: Tracer): PositionStore {
  return {
    read: (streamId) => store.read(streamId),
    list: (prefix) => store.list(prefix),
    forget: (streamIds) => store.forget(streamIds),
    async commit(commit) {
      const attributes = { stream: commit.streamId, opened: commit.open?.length ?? 0 };
      const span = tracer.start("commit", { attributes });
      try {
        await store.commit(commit);
        span.set({ outcome: "stored" });
      } catch (error) {
        span.set({ outcome: "failed" });
        span.fail("failed");
        throw error;
      } finally {
        span.end();
      }
    },
  };
}
