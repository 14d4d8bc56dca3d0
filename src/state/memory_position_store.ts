import type { Position } from "../core/position.ts";
import type { Commit, PositionStore } from "../pipeline/ports.ts";

/** Positions that are forgotten when the process ends: for dry runs. */
export class MemoryPositionStore implements PositionStore {
  readonly #positions = new Map<string, string>();

  read(streamId: string): Promise<Position | undefined> {
    const text = this.#positions.get(streamId);
    return Promise.resolve(text === undefined ? undefined : JSON.parse(text));
  }

  commit(commit: Commit): Promise<void> {
    this.#positions.set(commit.streamId, JSON.stringify(commit.position));
    return Promise.resolve();
  }
}
