import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { idsOf, makeRig, TODAY } from "./chunk_rig.ts";

Deno.test("ChunkScheduler.run() ends with a fault when it is to end and nothing is left but a chunk that fails again and again", async () => {
  const done: string[] = [];
  const rig = makeRig({
    chunks: { [TODAY]: ["bad", "a"] },
    forward: ({ chunk }) => {
      if (chunk === "bad") return Promise.reject(new Fault("protocol", "Chunk is damaged"));
      done.push(chunk);
      return Promise.resolve();
    },
  });
  const running = await rig.start(TODAY);
  await rig.clock.advance(10_000);
  assert.ok(rig.observer.parks.at(-1)!.attempt < 8);
  await rig.clock.advance(5 * 60_000);
  await assert.rejects(running.ended(), /Cannot export the last 1 chunks: Chunk is damaged/);
  assert.deepEqual(done, ["a"]);
});

Deno.test("ChunkScheduler.run() tries chunks every 5 s while the server is away, and ends no sooner for that", async () => {
  const rig = makeRig({
    chunks: { [TODAY]: ["a"] },
    forward: () => Promise.reject(new Fault("unavailable", "Connection was lost")),
  });
  const running = await rig.start(TODAY);
  await rig.clock.advance(115_000);
  const pauses = rig.observer.parks.map(({ delayMs }) => delayMs);
  assert.ok(pauses.length > 20 && pauses.every((ms) => ms <= 5000), `${pauses}`);
  await rig.clock.advance(15_000);
  await assert.rejects(running.ended(), /Cannot export the last 1 chunks: Connection was lost/);
});

Deno.test("ChunkScheduler.run() waits without end for chunks while our own disk fails", async () => {
  const rig = makeRig({
    chunks: { [TODAY]: ["a"] },
    forward: () => Promise.reject(new Fault("state", "Disk is full")),
  });
  const running = await rig.start(TODAY);
  await rig.clock.advance(30 * 60_000);
  assert.ok(rig.observer.parks.length > 20);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() drops the marks of dates that a crash left behind", async () => {
  const store = new MemoryPositionStore();
  for (const streamId of ["done/2025-12-31/a", `done/${TODAY}/b`]) {
    await store.commit({ streamId, position: {} });
  }
  const rig = makeRig({ store, chunks: { [TODAY]: ["b"] } });
  await rig.run(TODAY);
  assert.deepEqual(rig.forwarded, []);
  assert.deepEqual(await idsOf(store), [`done/${TODAY}/b`]);
});
