import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import type { PositionStore } from "../../src/pipeline/ports.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { Gate } from "../support/gate.ts";
import {
  advanceUntil,
  type Chunks,
  DAY_MS,
  drive,
  ended,
  HOUR_MS,
  idsOf,
  makeRig,
  NOON_MS,
  TODAY,
} from "./chunk_rig.ts";

Deno.test("ChunkScheduler.run() lists a date once more before it leaves it, however long Teleport was away", async () => {
  let isAway = false;
  let isBroken = true;
  const chunks: Chunks = { "2026-01-09": ["a"] };
  const rig = makeRig({
    chunks,
    endWhenCaughtUp: false,
    // It goes away between the listing of yesterday and that of today.
    list: (date) =>
      isAway && date === TODAY
        ? Promise.reject(new Fault("unavailable", "Connection refused"))
        : Promise.resolve(chunks[date] ?? []),
    forward: ({ chunk }) =>
      chunk === "late" && isBroken
        ? Promise.reject(new Fault("unavailable", "Connection was lost"))
        : Promise.resolve(),
  });
  const running = await rig.start("2026-01-09");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  isAway = true;
  await rig.clock.advance(17_000);
  chunks["2026-01-09"]!.push("late");
  rig.clock.jump(5 * DAY_MS);
  await rig.clock.advance(60_000);
  isAway = false;
  await rig.clock.advance(60_000);
  assert.equal(rig.progress.at(-1)!.date, "2026-01-09");
  assert.deepEqual(await idsOf(rig.store), ["done/2026-01-09/a"]);
  isBroken = false;
  await rig.clock.advance(120_000);
  assert.equal(rig.progress.at(-1)!.date, "2026-01-13");
  assert.deepEqual(await idsOf(rig.store), []);
  assert.ok(rig.observer.parks.length > 0);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() tells how far all is done before it has caught up", async () => {
  const gate = new Gate();
  const rig = makeRig({
    chunks: { "2026-01-01": ["a"], "2026-01-03": ["slow"] },
    forward: async ({ chunk }, stop) => {
      if (chunk === "slow") await gate.pass(stop);
    },
  });
  const running = await rig.start("2026-01-01");
  await rig.clock.advance(20_000);
  assert.deepEqual(rig.progress, [{ date: "2026-01-03", idleAtMs: undefined }]);
  assert.deepEqual(await idsOf(rig.store), []);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() never tells of an idle moment after it began to list", async () => {
  let isAway = true;
  const rig = makeRig({
    endWhenCaughtUp: false,
    list: () =>
      isAway ? Promise.reject(new Fault("unavailable", "Connection refused")) : Promise.resolve([]),
  });
  const running = await rig.start(TODAY);
  rig.clock.jump(3 * DAY_MS);
  await rig.clock.advance(60_000);
  isAway = false;
  await advanceUntil(rig.clock, () => rig.progress.length > 0);
  // The three days in between were not listed yet.
  assert.deepEqual(rig.progress[0], { date: TODAY, idleAtMs: NOON_MS });
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() keeps a date and its marks while one of its chunks is not done", async () => {
  let isBroken = true;
  const rig = makeRig({
    chunks: { "2026-01-01": ["good", "bad"], "2026-01-02": ["other"] },
    endWhenCaughtUp: false,
    forward: ({ chunk }) =>
      chunk === "bad" && isBroken
        ? Promise.reject(new Fault("protocol", "Corrupted"))
        : Promise.resolve(),
  });
  const running = await rig.start("2026-01-01");
  await rig.clock.advance(10 * 60_000);
  assert.deepEqual(await idsOf(rig.store), ["done/2026-01-01/good", "done/2026-01-02/other"]);
  assert.equal(rig.scheduler.isLive, false);
  assert.equal(rig.progress.length, 0);
  isBroken = false;
  await rig.clock.advance(2 * 60_000);
  assert.deepEqual(await idsOf(rig.store), []);
  assert.equal(rig.progress[0]!.date, "2026-01-08");
  assert.equal(rig.scheduler.isLive, true);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() holds up no other chunk for one that fails, and tries that one with growing pauses up to 30 s", async () => {
  const done: string[] = [];
  const rig = makeRig({
    chunks: { "2026-01-01": ["bad", "a", "b"], "2026-01-02": ["c"] },
    concurrency: 1,
    endWhenCaughtUp: false,
    forward: ({ chunk }) => {
      if (chunk === "bad") return Promise.reject(new Fault("protocol", "Chunk is damaged"));
      done.push(chunk);
      return Promise.resolve();
    },
  });
  const running = await rig.start("2026-01-01");
  await rig.clock.advance(20 * 60_000);
  assert.deepEqual(done, ["a", "b", "c"]);
  const pauses = rig.observer.parks.map(({ delayMs }) => delayMs);
  assert.ok(pauses[0]! <= 1000 && pauses.slice(1, 5).every((ms, i) => ms >= pauses[i]!));
  assert.ok(pauses.slice(8).every((ms) => ms >= 15_000 && ms <= 30_000));
  assert.deepEqual(
    rig.observer.parks.map(({ attempt }) => attempt),
    pauses.map((_, i) => i + 1),
  );
  rig.stop.abort();
  await running.ended();
  assert.equal(rig.clock.sleeping, 0);
});

Deno.test("ChunkScheduler.run() begins with short pauses again when a chunk has moved on", async () => {
  const store = new MemoryPositionStore();
  let tries = 0;
  const rig = makeRig({
    store,
    chunks: { [TODAY]: ["a"] },
    endWhenCaughtUp: false,
    async forward({ chunk, date }) {
      if (++tries === 8) {
        await store.commit({ streamId: `chunk/${date}/${chunk}`, position: { cursor: "x" } });
      }
      throw new Fault("unavailable", "Connection was lost");
    },
  });
  const running = await rig.start(TODAY);
  await advanceUntil(rig.clock, () => tries >= 8);
  assert.deepEqual(rig.observer.parks.map(({ attempt }) => attempt), [1, 2, 3, 4, 5, 6, 7, 1]);
  assert.ok(rig.observer.parks[7]!.delayMs <= 1000);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() does not list day and night for a chunk that fails for ever", async () => {
  const rig = makeRig({
    chunks: { [TODAY]: ["bad"] },
    endWhenCaughtUp: false,
    forward: () => Promise.reject(new Fault("protocol", "Corrupted")),
  });
  const running = await rig.start(TODAY);
  await rig.clock.advance(HOUR_MS);
  assert.ok(rig.listed.length <= 3600 / 16 + 10, `${rig.listed.length}`);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() waits for a listing that fails, says so once it works, and goes on", async () => {
  let failures = 4;
  const rig = makeRig({
    list: (date) =>
      failures-- > 0
        ? Promise.reject(new Fault(failures === 0 ? "denied" : "unavailable", "No answer"))
        : Promise.resolve(date === TODAY ? ["a"] : []),
  });
  await rig.run("2026-01-09");
  assert.deepEqual(rig.forwarded, [`${TODAY}/a`]);
  assert.deepEqual(rig.observer.retries.map(({ peer, lasting }) => `${peer} ${lasting}`), [
    "source false",
    "source false",
    "source false",
    "source true",
  ]);
  assert.deepEqual(rig.observer.recoveries, [{ peer: "source", attempts: 4 }]);
});

Deno.test("ChunkScheduler.run() takes a date that the server does not have for one without chunks", async () => {
  const rig = makeRig({
    list: (date) =>
      date === TODAY
        ? Promise.resolve(["a"])
        : Promise.reject(new Fault("missing", "No such date")),
  });
  await rig.run("2026-01-01");
  assert.deepEqual(rig.forwarded, [`${TODAY}/a`]);
  assert.deepEqual(rig.observer.retries, []);
});

for (const place of ["list", "forward"] as const) {
  Deno.test(`ChunkScheduler.run() ends with the fault of a ${place} that is not supported any more, and stops all else`, async () => {
    const fault = new Fault("unsupported", "Unknown call");
    let stopped = 0;
    let lists = 0;
    const rig = makeRig({
      chunks: { "2026-01-09": ["long"], [TODAY]: ["lost"] },
      endWhenCaughtUp: false,
      ...(place === "list" && {
        list: (date) =>
          ++lists > 4 ? Promise.reject(fault) : Promise.resolve(date === TODAY ? [] : ["long"]),
      }),
      async forward({ chunk }, stop) {
        if (chunk === "lost") throw fault;
        await new Gate().pass(stop);
        stopped++;
      },
    });
    const running = rig.scheduler.run("2026-01-09");
    const check = assert.rejects(running, (error) => error === fault);
    await drive(rig.clock, check);
    await check;
    assert.equal(stopped, 1);
    assert.equal(rig.clock.sleeping, 0);
    assert.deepEqual(await idsOf(rig.store, "done/"), []);
  });
}

Deno.test("ChunkScheduler.run() throws a defect of ours and stops all else", async () => {
  const rig = makeRig({
    chunks: { [TODAY]: ["a"] },
    forward: () => Promise.reject(new TypeError("undefined is not a function")),
  });
  const check = assert.rejects(rig.scheduler.run(TODAY), TypeError);
  await drive(rig.clock, check);
  await check;
  assert.equal(rig.clock.sleeping, 0);
});

Deno.test("ChunkScheduler.run() marks no chunk as done that was stopped in the middle, and the next run takes it", async () => {
  const first = makeRig({
    chunks: { [TODAY]: ["a", "b", "c"] },
    forward: async ({ chunk }, stop) => {
      if (chunk !== "a") await new Gate().pass(stop);
    },
  });
  const running = first.scheduler.run(TODAY);
  await first.clock.advance(0);
  first.stop.abort();
  await ended(running);
  assert.deepEqual(await idsOf(first.store), [`done/${TODAY}/a`]);
  assert.deepEqual(first.progress, []);
  const again = makeRig({ store: first.store, chunks: first.chunks, clock: first.clock });
  await again.run(TODAY);
  assert.deepEqual(again.forwarded, [`${TODAY}/b`, `${TODAY}/c`]);
});

Deno.test("ChunkScheduler.run() does not say that it has caught up when it is stopped during a listing", async () => {
  const rig = makeRig({
    list: async (_date, signal) => {
      await new Gate().pass(signal);
      throw signal.reason;
    },
  });
  const running = rig.scheduler.run(TODAY);
  await rig.clock.advance(0);
  rig.stop.abort();
  await ended(running);
  assert.equal(rig.observer.caughtUpCount, 0);
  assert.equal(rig.scheduler.isLive, false);
  assert.deepEqual(rig.progress, []);
});

Deno.test("ChunkScheduler.run() ends a pause after a failed listing at once when it is stopped", async () => {
  const rig = makeRig({ list: () => Promise.reject(new Fault("unavailable", "No answer")) });
  const running = await rig.start(TODAY);
  rig.stop.abort();
  await running.ended();
  assert.equal(rig.clock.sleeping, 0);
});

Deno.test("ChunkScheduler.run() waits for a store that fails, and repeats and loses nothing", async () => {
  const store = new MemoryPositionStore();
  const chunks: Chunks = { "2026-01-01": ["a"], "2026-01-02": ["b"], [TODAY]: ["c"] };
  const forwarded: string[] = [];
  for (const method of ["list", "commit", "forget", "onProgress"] as const) {
    let failures = 3;
    const fail = () => {
      if (failures-- > 0) throw new Fault("state", "Disk is full");
    };
    const failing: PositionStore = {
      read: (id) => store.read(id),
      async *list(prefix) {
        if (method === "list") fail();
        yield* store.list(prefix);
      },
      async commit(commit) {
        if (method === "commit") fail();
        await store.commit(commit);
      },
      async forget(ids) {
        if (method === "forget") fail();
        await store.forget(ids);
      },
    };
    const rig = makeRig({
      chunks,
      store: failing,
      forward: ({ chunk }) => Promise.resolve(void forwarded.push(chunk)),
      onProgress: async () => {
        await Promise.resolve();
        if (method === "onProgress") fail();
      },
    });
    await rig.run("2026-01-01");
    assert.ok(failures < 0, method);
    assert.deepEqual(await idsOf(store), [`done/${TODAY}/c`], method);
    await store.forget([`done/${TODAY}/c`]);
  }
  // A chunk whose mark cannot be written is forwarded again from its own position.
  assert.equal(forwarded.filter((chunk) => chunk === "a").length, 4 + 1);
});

Deno.test("ChunkScheduler.run() drops the marks of a date only after its end is committed", async () => {
  const store = new MemoryPositionStore();
  let told: string | undefined;
  const forget = store.forget.bind(store);
  store.forget = async (ids) => {
    for (const id of ids) assert.ok(told !== undefined && id < `done/${told}`, id);
    await forget(ids);
  };
  let failures = 2;
  const rig = makeRig({
    store,
    chunks: { "2026-01-01": ["a"], "2026-01-02": ["b"] },
    onProgress: ({ date }) => {
      if (failures-- > 0) return Promise.reject(new Fault("state", "Disk is full"));
      told = date;
      return Promise.resolve();
    },
  });
  await rig.run("2026-01-01");
  assert.equal(told, "2026-01-08");
  assert.deepEqual(await idsOf(store), []);
});

Deno.test("ChunkScheduler.run() passes over a chunk whose name fits in no key, says so once, and goes on", async () => {
  using store = await KvPositionStore.open(":memory:", 0);
  const long = "x".repeat(3000);
  const rig = makeRig({
    store,
    concurrency: 1,
    endWhenCaughtUp: false,
    chunks: { "2026-01-01": ["a", long], [TODAY]: [long, "b", "ü".repeat(512)] },
  });
  const running = await rig.start("2026-01-01");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  await rig.clock.advance(60_000);
  rig.stop.abort();
  await running.ended();
  assert.deepEqual(rig.forwarded, ["2026-01-01/a", `${TODAY}/b`, `${TODAY}/${"ü".repeat(512)}`]);
  assert.equal(rig.observer.abandonedIds.length, 2);
  assert.deepEqual(await idsOf(store), [`done/${TODAY}/b`, `done/${TODAY}/${"ü".repeat(512)}`]);
});

Deno.test("ChunkScheduler.run() tells once of a chunk that fails and does not move, and when it moves again", async () => {
  let isBroken = true;
  const rig = makeRig({
    chunks: { [TODAY]: ["a", "b"] },
    endWhenCaughtUp: false,
    stallMs: 60_000,
    forward: ({ chunk }) =>
      chunk === "a" && isBroken
        ? Promise.reject(new Fault("unavailable", "Event exceeds the maximum response size"))
        : Promise.resolve(),
  });
  const running = await rig.start(TODAY);
  await rig.clock.advance(55_000);
  assert.equal(rig.observer.stalls.length, 0);
  await rig.clock.advance(10 * 60_000);
  assert.equal(rig.observer.stalls.length, 1);
  assert.equal(rig.observer.stalls[0]!.streamId, `chunk/${TODAY}/a`);
  assert.match(rig.observer.stalls[0]!.reason, /maximum response size.*log of the auth server/);
  assert.equal(rig.observer.recoveries.length, 0);
  isBroken = false;
  await rig.clock.advance(2 * 60_000);
  assert.equal(rig.observer.recoveries.length, 1);
  rig.stop.abort();
  await running.ended();
});
