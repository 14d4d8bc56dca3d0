import type { Position } from "../core/position.ts";
import type { Commit, PositionStore, StreamPosition } from "../pipeline/ports.ts";

/** Positions that are forgotten when the process ends: for dry runs. */
export class MemoryPositionStore implements PositionStore {
  readonly #positions = new Map<string, string>();

  read(streamId: string): Promise<Position | undefined> {
    const text = this.#positions.get(streamId);
    return Promise.resolve(text === undefined ? undefined : JSON.parse(text));
  }

  async *list(prefix: string): AsyncGenerator<StreamPosition> {
    for (const streamId of [...this.#positions.keys()].sort()) {
      const text = this.#positions.get(streamId);
      if (streamId.startsWith(prefix) && text !== undefined) {
        yield await Promise.resolve({ streamId, position: JSON.parse(text) });
      }
    }
  }

  commit({ forget, open, position, streamId }: Commit): Promise<void> {
    for (const opened of open ?? []) {
      if (!this.#positions.has(opened.streamId)) this.#put(opened);
    }
    for (const id of forget ?? []) this.#positions.delete(id);
    this.#put({ streamId, position });
    return Promise.resolve();
  }

  forget(streamIds: readonly string[]): Promise<void> {
    for (const id of streamIds) this.#positions.delete(id);
    return Promise.resolve();
  }

  #put({ position, streamId }: StreamPosition): void {
    this.#positions.set(streamId, JSON.stringify(position));
  }
}
