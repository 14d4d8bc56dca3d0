import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { Committer } from "../../src/pipeline/committer.ts";
import { observeAll } from "../../src/pipeline/observe_all.ts";
import type { Commit, PositionStore, StreamPosition } from "../../src/pipeline/ports.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A store whose commits end when they are let. */
class HeldStore extends MemoryPositionStore {
  readonly begun: Commit[] = [];
  #ends: PromiseWithResolvers<void>[] = [];

  override async commit(commit: Commit): Promise<void> {
    this.begun.push(commit);
    const end = Promise.withResolvers<void>();
    this.#ends.push(end);
    await end.promise;
    await super.commit(commit);
  }

  /** Ends the oldest commit that is under way, and lets what follows from that happen. */
  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift()!;
    if (error === undefined) end.resolve();
    else end.reject(error);
    await settle();
  }

  get positions(): unknown[] {
    return this.begun.map(({ position }) => position["at"]);
  }
}

/** Lets everything happen that waits for nothing else. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

function createCommitter(
  store: PositionStore,
  maxWaiting: number,
  onOpened?: (streams: readonly StreamPosition[]) => void,
): Committer {
  return new Committer({
    streamId: "log",
    position: { at: 0 },
    store,
    onOpened,
    maxWaiting,
    observer: observeAll([]),
    clock: new FakeClock(0),
    stop: new AbortController().signal,
  });
}

function opened(...ids: readonly string[]): StreamPosition[] {
  return ids.map((streamId) => ({ streamId, position: {} }));
}

Deno.test("Committer.commit() makes one commit of the positions that came while one was being stored", async () => {
  const store = new HeldStore();
  const told: string[][] = [];
  const committer = createCommitter(store, 4, (ids) => told.push(ids.map((s) => s.streamId)));
  await committer.commit({ at: 1 }, []);
  await committer.commit({ at: 2 }, opened("a"));
  await committer.commit({ at: 3 }, opened("b", "c"));
  await committer.commit({ at: 4 }, []);
  assert.deepEqual(store.positions, [1]);
  await store.end();
  assert.deepEqual(store.positions, [1, 4]);
  assert.deepEqual(store.begun[1]!.open, opened("a", "b", "c"));
  assert.deepEqual(told, []);
  await store.end();
  await committer.settled();
  assert.deepEqual(told, [["a", "b", "c"]]);
  assert.deepEqual(await store.read("log"), { at: 4 });
});

for (const max of [0, 1, 4]) {
  Deno.test(`Committer.commit() waits once ${max} positions wait behind the one that is being stored`, async () => {
    const store = new HeldStore();
    const committer = createCommitter(store, max);
    let at = 1;
    await committer.commit({ at }, []);
    for (const _ of Array(max)) await committer.commit({ at: ++at }, []);
    let isTaken = false;
    const next = committer.commit({ at: ++at }, []).then(() => isTaken = true);
    await settle();
    assert.ok(!isTaken);
    await store.end();
    assert.ok(isTaken);
    await next;
    while (store.positions.at(-1) !== at) await store.end();
    await store.end();
    await committer.settled();
    assert.deepEqual(await store.read("log"), { at });
  });
}

Deno.test("Committer never has more than one and maxWaiting requests that are delivered and not stored", async () => {
  const store = new HeldStore();
  const committer = createCommitter(store, 3);
  let delivered = 0;
  const running = (async () => {
    while (delivered < 40) await committer.commit({ at: ++delivered }, []);
  })();
  let stored = 0;
  const ahead: number[] = [];
  while (stored < 40) {
    await settle();
    // The last one has been delivered and waits to be taken.
    ahead.push(delivered - stored);
    stored = store.positions.at(-1) as number;
    await store.end();
  }
  await running;
  await committer.settled();
  assert.ok(Math.max(...ahead) === 5, `${ahead}`);
  assert.ok(ahead.length < 25, "positions become one commit");
});

Deno.test("Committer.commit() stores nothing for a position that stays and opens nothing", async () => {
  const store = new HeldStore();
  const committer = createCommitter(store, 4);
  await committer.commit({ at: 0 }, []);
  assert.deepEqual(store.positions, []);
  await committer.commit({ at: 0 }, opened("a"));
  assert.deepEqual(store.positions, [0]);
  await store.end();
  await committer.settled();
});

Deno.test("Committer throws what a commit failed by, and stores nothing that came after it", async () => {
  const store = new HeldStore();
  const committer = createCommitter(store, 4);
  await committer.commit({ at: 1 }, []);
  await committer.commit({ at: 2 }, []);
  const fault = new Fault("moved", "Another handler has moved it");
  await store.end(fault);
  await assert.rejects(committer.commit({ at: 3 }, []), fault);
  await assert.rejects(committer.settled(), fault);
  assert.deepEqual(store.positions, [1]);
});
