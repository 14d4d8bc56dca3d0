import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { decodeSessionPosition, encodeSessionPosition } from "../../src/core/session_position.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ended, failWith, HOUR_MS, idsOf, makeScheduler, pass } from "./session_rig.ts";

Deno.test("SessionScheduler looks for a missing recording after 2 s and then twice as long each time, up to 30 min", async () => {
  const { scheduler, clock, observer, stop, open } = makeScheduler(failWith("missing"));
  await open("a");
  const running = scheduler.run();
  await pass(clock, 11);
  stop.abort();
  await ended(running);
  const delays = observer.parks.map(({ delayMs }) => delayMs / 1000);
  assert.deepEqual(delays.slice(0, 11), [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800]);
  assert.deepEqual(observer.parks.map(({ attempt }) => attempt).slice(0, 9), [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
  ]);
});

Deno.test("SessionScheduler tries again after 30 s at most while Teleport is away", async () => {
  const { scheduler, clock, observer, stop, open } = makeScheduler(failWith("unavailable"));
  await open("a");
  const running = scheduler.run();
  await pass(clock, 7);
  stop.abort();
  await ended(running);
  const delays = observer.parks.map(({ delayMs }) => delayMs / 1000);
  assert.deepEqual(delays.slice(0, 7), [1, 2, 4, 8, 16, 30, 30]);
});

Deno.test("SessionScheduler tries again after 1 s and then twice as long each time, up to 5 min, when a recording cannot be read", async () => {
  const { scheduler, clock, observer, stop, open } = makeScheduler(failWith("protocol"));
  await open("a");
  const running = scheduler.run();
  await pass(clock, 11);
  stop.abort();
  await ended(running);
  const delays = observer.parks.map(({ delayMs }) => delayMs / 1000);
  assert.deepEqual(delays.slice(0, 11), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
});

Deno.test("SessionScheduler begins with short pauses again when a recording has moved on", async () => {
  const store = new MemoryPositionStore();
  const starts: number[] = [];
  const { scheduler, clock, observer, stop, open } = makeScheduler(async (id, position) => {
    const { index, ...rest } = decodeSessionPosition(position);
    starts.push(index);
    if (starts.length === 4) {
      await store.commit({
        streamId: `session/${id}`,
        position: encodeSessionPosition({ ...rest, index: index + 10, attempts: 0 }),
      });
    }
    throw new Fault("unavailable", "Connection was lost");
  }, { store });
  await open("a");
  const running = scheduler.run();
  await pass(clock, 4);
  stop.abort();
  await ended(running);
  assert.deepEqual(starts, [0, 0, 0, 0, 10]);
  assert.deepEqual(observer.parks.map(({ delayMs }) => delayMs), [1000, 2000, 4000, 1000, 2000]);
});

Deno.test("SessionScheduler gives a missing recording up 48 h after its upload, and keeps a note of it", async () => {
  const { scheduler, store, clock, observer, open, stop } = makeScheduler(failWith("missing"));
  await open("a");
  const uploadMs = clock.nowMs();
  // The program was down in the meantime, or there would have been too many tries.
  await clock.advance(40 * HOUR_MS);
  const running = scheduler.run();
  while (observer.abandonments.length === 0) await pass(clock, 1);
  stop.abort();
  await ended(running);
  const afterMs = clock.nowMs() - uploadMs;
  assert.ok(afterMs > 48 * HOUR_MS && afterMs <= 48.5 * HOUR_MS, `${afterMs}`);
  assert.deepEqual(observer.abandonments, [
    { streamId: "session/a", reason: "Recording is missing" },
  ]);
  assert.deepEqual(await idsOf(store, "session/"), []);
  const note = await store.read("abandoned/session/a");
  assert.equal(note?.["reason"], "Recording is missing");
  assert.equal(note?.["uploadMs"], uploadMs);
  assert.deepEqual(observer.finishedIds, []);
});

Deno.test("SessionScheduler tries a recording once that is missing and was uploaded long ago", async () => {
  const { scheduler, clock, observer, open } = makeScheduler(failWith("missing"));
  await open("a");
  await clock.advance(48 * HOUR_MS + 1);
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(observer.parks, []);
  assert.equal(observer.abandonments.length, 1);
});

Deno.test("SessionScheduler gives a missing recording up at the 110th try", async () => {
  const store = new MemoryPositionStore();
  const clock = new FakeClock();
  const position = { index: 0, uploadMs: clock.nowMs(), dueMs: 0 };
  for (const [id, attempts] of [["108th", 108], ["109th", 109]] as const) {
    await store.commit({
      streamId: `session/${id}`,
      position: encodeSessionPosition({ ...position, attempts }),
    });
  }
  const { scheduler, observer } = makeScheduler(failWith("missing"), { store, clock });
  assert.equal(await scheduler.load(), 2);
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(observer.abandonments.map(({ streamId }) => streamId), ["session/109th"]);
  assert.deepEqual(observer.parks.map(({ streamId }) => streamId), ["session/108th"]);
});

Deno.test("SessionScheduler does not take an upload without a time for one of long ago", async () => {
  const store = new MemoryPositionStore();
  const position = encodeSessionPosition({ index: 0, uploadMs: 0, attempts: 0, dueMs: 0 });
  await store.commit({ streamId: "session/a", position });
  const { scheduler, observer } = makeScheduler(failWith("missing"), { store });
  await scheduler.load();
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(observer.abandonments, []);
  assert.equal(observer.parks.length, 1);
});

for (const kind of ["unavailable", "denied", "unsupported"] as const) {
  Deno.test(`SessionScheduler never gives a recording up because Teleport is ${kind}`, async () => {
    const store = new MemoryPositionStore();
    const clock = new FakeClock();
    await store.commit({
      streamId: "session/a",
      position: encodeSessionPosition({
        index: 0,
        uploadMs: clock.nowMs() - 1000 * HOUR_MS,
        attempts: 1000,
        dueMs: 0,
      }),
    });
    const { scheduler, observer } = makeScheduler(failWith(kind), { store, clock });
    await scheduler.load();
    scheduler.drain();
    await ended(scheduler.run());
    assert.deepEqual(observer.abandonments, []);
    assert.deepEqual(await idsOf(store, "session/"), ["session/a"]);
  });
}

Deno.test("SessionScheduler gives a broken recording up after 48 h and 10 tries, and not before both", async () => {
  const store = new MemoryPositionStore();
  const clock = new FakeClock();
  const old = clock.nowMs() - 49 * HOUR_MS;
  const rows: [string, number, number][] = [
    ["new-tried", clock.nowMs() - HOUR_MS, 200],
    ["old-new", old, 8],
    ["old-tried", old, 9],
  ];
  for (const [id, uploadMs, attempts] of rows) {
    await store.commit({
      streamId: `session/${id}`,
      position: encodeSessionPosition({ index: 0, uploadMs, attempts, dueMs: 0 }),
    });
  }
  const { scheduler, observer } = makeScheduler(failWith("protocol"), { store, clock });
  await scheduler.load();
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(observer.abandonments.map(({ streamId }) => streamId), ["session/old-tried"]);
  assert.equal(observer.parks.length, 2);
});

Deno.test("SessionScheduler keeps the time of the next try over a restart", async () => {
  const first = makeScheduler(failWith("missing"));
  await first.open("a");
  const running = first.scheduler.run();
  await pass(first.clock, 3);
  first.stop.abort();
  await ended(running);
  // The fourth pause takes 16 s, of which 6 s have gone by at the restart.
  await first.clock.advance(6000);
  const clock = new FakeClock(first.clock.nowMs());
  const tries: number[] = [];
  const again = makeScheduler((_, position) => {
    tries.push(decodeSessionPosition(position).attempts);
    return Promise.resolve();
  }, { store: first.store, clock });
  assert.equal(await again.scheduler.load(), 1);
  const runningAgain = again.scheduler.run();
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 10_000);
  await clock.advance(9999);
  assert.deepEqual(tries, []);
  await clock.advance(1);
  assert.deepEqual(tries, [4]);
  again.stop.abort();
  await ended(runningAgain);
});

Deno.test("SessionScheduler keeps a session whose time was set by a clock far ahead for no longer than its pause", async () => {
  const store = new MemoryPositionStore();
  const clock = new FakeClock();
  const dueMs = clock.nowMs() + 100 * 365 * 24 * HOUR_MS;
  const position = { index: 0, uploadMs: clock.nowMs(), attempts: 1, dueMs };
  await store.commit({ streamId: "session/a", position: encodeSessionPosition(position) });
  const { scheduler, stop } = makeScheduler(() => Promise.resolve(), { store, clock });
  await scheduler.load();
  const running = scheduler.run();
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 2000);
  stop.abort();
  await ended(running);
});
