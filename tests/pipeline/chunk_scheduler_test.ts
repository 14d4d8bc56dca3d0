import assert from "node:assert/strict";
import fc from "fast-check";
import type { ChunkStart } from "../../src/pipeline/chunk_runner.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Gate } from "../support/gate.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import {
  advanceUntil,
  type Chunks,
  datesOf,
  HOUR_MS,
  idsOf,
  makeRig,
  NOON_MS,
  TODAY,
} from "./chunk_rig.ts";

Deno.test("ChunkScheduler.run() forwards every chunk once, in the order of the dates, and ends when it has caught up", async () => {
  const chunks: Chunks = {
    "2026-01-01": ["b", "a"],
    "2026-01-03": ["c"],
    "2026-01-09": ["d"],
    [TODAY]: ["e"],
  };
  const { run, forwarded, progress, observer, scheduler, clock } = makeRig({ chunks });
  await run("2026-01-01");
  assert.deepEqual(forwarded, [
    "2026-01-01/b",
    "2026-01-01/a",
    "2026-01-03/c",
    "2026-01-09/d",
    `${TODAY}/e`,
  ]);
  assert.equal(observer.caughtUpCount, 1);
  assert.equal(scheduler.isLive, true);
  assert.equal(progress.at(-1)!.date, "2026-01-08");
  assert.notEqual(progress.at(-1)!.idleAtMs, undefined);
  assert.equal(clock.sleeping, 0);
});

Deno.test("ChunkScheduler.run() goes back through the past without waiting for the poll interval", async () => {
  const { run, clock } = makeRig();
  await run("2025-01-01");
  assert.ok(clock.monotonicMs() < 1000, `${clock.monotonicMs()}`);
});

Deno.test("ChunkScheduler.run() does not list years of past dates while there is no room for their chunks", async () => {
  const chunks: Chunks = {};
  for (const date of datesOf("2025-01-01", TODAY)) chunks[date] = ["a", "b", "c"];
  const gate = new Gate();
  const rig = makeRig({ chunks, concurrency: 2, forward: (_, stop) => gate.pass(stop) });
  const running = await rig.start("2025-01-01");
  await rig.clock.advance(10_000);
  // Two run and at least four wait; the last listing may have brought three.
  assert.ok(rig.listed.length <= 3, `${rig.listed.length}`);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() reads up to `concurrency` chunks at once, across dates", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 10 }),
      fc.nat({ max: 200 }),
      async (concurrency, counts, workMs) => {
        const clock = new FakeClock(NOON_MS);
        const dates = datesOf("2026-01-01", TODAY);
        const chunks: Chunks = {};
        for (const [at, count] of counts.entries()) {
          chunks[dates[at]!] = Array.from({ length: count }, (_, i) => `${i}`);
        }
        let inFlight = 0;
        let most = 0;
        const started: string[] = [];
        const { run } = makeRig({
          chunks,
          clock,
          concurrency,
          async forward({ chunk, date }, stop) {
            started.push(`${date}/${chunk}`);
            most = Math.max(most, ++inFlight);
            await clock.sleep(workMs, stop);
            inFlight--;
          },
        });
        await run("2026-01-01");
        const expected = dates.flatMap((date) => (chunks[date] ?? []).map((c) => `${date}/${c}`));
        assert.deepEqual(started, expected);
        assert.ok(
          most <= concurrency && most >= Math.min(concurrency, expected.length > 0 ? 1 : 0),
        );
      },
    ),
    { numRuns: 15 },
  );
});

Deno.test("ChunkScheduler.run() ends soon after the last chunk, however many there were", async () => {
  const clock = new FakeClock(NOON_MS);
  const rig = makeRig({
    clock,
    chunks: { [TODAY]: Array.from({ length: 100 }, (_, i) => `${i}`) },
    forward: (_, stop) => clock.sleep(100, stop),
  });
  await rig.run(TODAY);
  // A hundred chunks, two at a time, take 5 s.
  assert.ok(clock.monotonicMs() <= 7500, `${clock.monotonicMs()}`);
  // And they are not listed each second while many are left.
  assert.ok(rig.listed.length <= 5, `${rig.listed}`);
});

Deno.test("ChunkScheduler.run() polls today and the two days before about every pollMs once it has caught up", async () => {
  const rig = makeRig({ endWhenCaughtUp: false });
  const running = await rig.start("2026-01-01");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  rig.listed.length = 0;
  await rig.clock.waitForSleepers();
  assert.equal(rig.clock.nextWakeMs, 16_000);
  await rig.clock.advance(16_000);
  assert.deepEqual(rig.listed, ["2026-01-08", "2026-01-09", TODAY]);
  rig.stop.abort();
  await running.ended();
  assert.equal(rig.clock.sleeping, 0);
});

Deno.test("ChunkScheduler.run() varies its polls by a seventh, so that many handlers do not ask at once", async () => {
  for (const [random, pauseMs] of [[0, 16_000 * 6 / 7], [1, 16_000 * 8 / 7]] as const) {
    const rig = makeRig({ endWhenCaughtUp: false, random: () => random });
    const running = await rig.start(TODAY);
    assert.ok(Math.abs(rig.clock.nextWakeMs! - pauseMs) < 1);
    rig.stop.abort();
    await running.ended();
  }
});

Deno.test("ChunkScheduler.run() takes chunks that appear late on today and the two days before, and none before the first date", async () => {
  const rig = makeRig({ endWhenCaughtUp: false, chunks: { "2026-01-07": ["too early"] } });
  const running = await rig.start("2026-01-09");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  rig.chunks["2026-01-08"] = ["before the first date"];
  rig.chunks["2026-01-09"] = ["late"];
  rig.chunks[TODAY] = ["new"];
  await rig.clock.advance(16_000);
  assert.deepEqual(rig.forwarded, ["2026-01-09/late", `${TODAY}/new`]);
  await rig.clock.advance(160_000);
  assert.equal(rig.forwarded.length, 2);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() goes on with the next date when midnight passes, and ends with the third day before", async () => {
  const rig = makeRig({ endWhenCaughtUp: false, chunks: { "2026-01-08": ["a"], [TODAY]: ["b"] } });
  const running = await rig.start("2026-01-08");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  assert.deepEqual(await idsOf(rig.store), ["done/2026-01-08/a", `done/${TODAY}/b`]);
  // Just before midnight and just after it.
  rig.chunks["2026-01-08"]!.push("last minute");
  rig.clock.jump(12 * HOUR_MS - 25_000);
  await rig.clock.advance(40_000);
  rig.chunks[TODAY]!.push("yesterday's");
  rig.chunks["2026-01-11"] = ["today's"];
  await rig.clock.advance(60_000);
  assert.deepEqual(rig.forwarded.sort(), [
    "2026-01-08/a",
    "2026-01-08/last minute",
    "2026-01-10/b",
    "2026-01-10/yesterday's",
    "2026-01-11/today's",
  ]);
  assert.equal(rig.progress.at(-1)!.date, "2026-01-09");
  // The marks of a date are needed as long as it is listed, and no longer.
  assert.deepEqual(await idsOf(rig.store), [
    `done/${TODAY}/b`,
    `done/${TODAY}/yesterday's`,
    "done/2026-01-11/today's",
  ]);
  rig.stop.abort();
  await running.ended();
});

Deno.test("ChunkScheduler.run() resumes a chunk by its position, and reads no chunk again that is done", async () => {
  const store = new MemoryPositionStore();
  await store.commit({ streamId: `chunk/${TODAY}/half`, position: { version: 1, cursor: "c7" } });
  await store.commit({ streamId: `done/${TODAY}/whole`, position: {} });
  const starts: ChunkStart[] = [];
  const rig = makeRig({
    store,
    chunks: { [TODAY]: ["whole", "half", "new"] },
    forward: (start) => Promise.resolve(void starts.push(start)),
  });
  await rig.run(TODAY);
  assert.deepEqual(starts, [
    { date: TODAY, chunk: "half", position: { version: 1, cursor: "c7" } },
    { date: TODAY, chunk: "new", position: { version: 1, cursor: "" } },
  ]);
  assert.deepEqual(await idsOf(store), ["half", "new", "whole"].map((c) => `done/${TODAY}/${c}`));
});

Deno.test("ChunkScheduler.run() takes names of chunks as they are", async () => {
  const names = ["", "a/b", "../up", "%2e", "ü🗝", "done/2026-01-01/x", "with blank", "\0"];
  const first = makeRig({ chunks: { [TODAY]: names } });
  await first.run(TODAY);
  assert.deepEqual(first.forwarded, names.map((name) => `${TODAY}/${name}`));
  const again = makeRig({ chunks: first.chunks, store: first.store });
  await again.run(TODAY);
  assert.deepEqual(again.forwarded, []);
});

Deno.test("ChunkScheduler.run() compares a day with 50,000 done chunks within seconds", async () => {
  await using folder = await temporaryFolder();
  using store = await KvPositionStore.open(folder.join("state.kv"), 0);
  const names = Array.from({ length: 50_000 }, (_, i) => `${i}-6f1c1b52-9d0e-4a3b.parquet`);
  let startMs = performance.now();
  for (let at = 0; at < names.length; at += 500) {
    const open = names.slice(at, at + 500).map((name) => ({
      streamId: `done/${TODAY}/${name}`,
      position: {},
    }));
    await store.commit({ streamId: "log", position: {}, open });
  }
  const rig = makeRig({ store, chunks: { [TODAY]: [...names, "new"] }, endWhenCaughtUp: false });
  const fillMs = performance.now() - startMs;
  startMs = performance.now();
  const running = await rig.start(TODAY);
  const firstMs = performance.now() - startMs;
  startMs = performance.now();
  await rig.clock.advance(16_000);
  const pollMs = performance.now() - startMs;
  assert.deepEqual(rig.forwarded, [`${TODAY}/new`]);
  // Nearly all of it is Deno KV's own, as with the filling; the machine may be busy.
  const times = `filled in ${fillMs} ms, compared in ${firstMs} ms, then in ${pollMs} ms`;
  assert.ok(firstMs < 10 * fillMs && pollMs < fillMs, times);
  rig.stop.abort();
  await running.ended();
});
