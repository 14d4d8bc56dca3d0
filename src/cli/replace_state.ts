import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { PositionStore, StreamPosition } from "../pipeline/ports.ts";

/** Stands in the store while it is changed; who finds it there knows that the change broke off. */
export const CHANGING = "changing";

/**
 * Puts these streams in place of all that a store holds. A change that breaks off is seen by it later,
 * so that nobody goes on from half of a state.
 *
 * @throws {Fault} of kind `state`.
 */
export async function replaceState(
  store: PositionStore,
  streams: readonly StreamPosition[],
  by: "command" | "adoption" = "command",
): Promise<void> {
  await store.commit({ streamId: CHANGING, position: { version: 1, by } });
  const before = await listStreams(store);
  await store.forget(before.map(({ streamId }) => streamId).filter((id) => id !== CHANGING));
  const [last, ...open] = streams.toReversed();
  if (last === undefined) await store.forget([CHANGING]);
  else await store.commit({ ...last, open, forget: [CHANGING] });
}

/** All that a store holds, in the order of ids. */
export async function listStreams(store: PositionStore): Promise<StreamPosition[]> {
  return await Array.fromAsync(store.list(""));
}

/** @throws {Fault} of kind `state` when a change broke off, of which `changing` tells. */
export function refuseHalfOfState(changing: Position | undefined): void {
  if (changing !== undefined) {
    throw new Fault("state", "The state is not whole: a change of it was broken off", {
      hint: "Do it again: state import with the same file, or state reset",
    });
  }
}
