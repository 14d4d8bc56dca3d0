import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import {
  ChunkScheduler,
  type ChunkSchedulerOptions,
  type ChunkStart,
} from "../../src/pipeline/chunk_scheduler.ts";
import type { ParkedStream, PositionStore } from "../../src/pipeline/ports.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Gate } from "../support/gate.ts";
import { RecordingObserver } from "../support/pipeline_ports.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Noon of the day that the tests begin on. */
const NOON_MS = Date.UTC(2026, 0, 10, 12);
const TODAY = "2026-01-10";

class ChunkObserver extends RecordingObserver {
  readonly parks: ParkedStream[] = [];
  readonly abandonedIds: string[] = [];

  override parked(parked?: ParkedStream): void {
    this.parks.push(parked!);
  }
  override abandoned(streamId?: string): void {
    this.abandonedIds.push(streamId!);
  }
}

/** A server's chunks by date, as a test changes them. */
type Chunks = { [date: string]: string[] };

interface RigOptions extends Partial<Omit<ChunkSchedulerOptions, "stop" | "clock" | "observer">> {
  readonly chunks?: Chunks;
  readonly clock?: FakeClock;
}

/** A scheduler with what it was told and what it did; another one over the same store is a restart. */
function makeRig(options: RigOptions = {}) {
  const { chunks = {}, ...overrides } = options;
  const clock = options.clock ?? new FakeClock(NOON_MS);
  const store: PositionStore = options.store ?? new MemoryPositionStore();
  const observer = new ChunkObserver();
  const stop = new AbortController();
  const forwarded: string[] = [];
  const listed: string[] = [];
  const progress: { date: string; idleAtMs: number | undefined }[] = [];
  const scheduler = new ChunkScheduler({
    concurrency: 2,
    endWhenCaughtUp: true,
    list: (date) => {
      listed.push(date);
      return Promise.resolve(chunks[date] ?? []);
    },
    forward: ({ chunk, date }) => {
      forwarded.push(`${date}/${chunk}`);
      return Promise.resolve();
    },
    onProgress: (told) => Promise.resolve(void progress.push(told)),
    random: () => 0.5,
    store,
    ...overrides,
    clock,
    observer,
    stop: stop.signal,
  });
  /** Runs to its end, from pause to pause. */
  const run = async (firstDate: string) => {
    const running = scheduler.run(firstDate);
    await drive(clock, running);
    await running;
  };
  return { scheduler, chunks, clock, store, observer, stop, forwarded, listed, progress, run };
}

/** Moves the clock from sleep to sleep until a promise settles, or until nobody sleeps any more. */
async function drive(clock: FakeClock, running: Promise<unknown>): Promise<void> {
  let isDone = false;
  running.then(() => isDone = true, () => isDone = true);
  let steps = 0;
  for (let idle = 0; !isDone && idle < 20; idle = clock.sleeping > 0 ? 0 : idle + 1) {
    await clock.advance(clock.nextWakeMs ?? 0);
    assert.ok(++steps < 5000, "The scheduler comes to no end");
  }
  assert.ok(isDone, "Nobody sleeps, and the scheduler does not end");
}

/** Moves the clock until something holds. */
async function advanceUntil(clock: FakeClock, holds: () => boolean): Promise<void> {
  for (let steps = 0; !holds(); steps++) {
    assert.ok(steps < 5000, "It never comes to hold");
    await clock.advance(clock.nextWakeMs ?? 0);
  }
}

function ended<T>(running: Promise<T>): Promise<T> {
  return within(running, { what: () => "the scheduler's end", timeoutMs: 5000 });
}

async function idsOf(store: PositionStore, prefix = ""): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ streamId }) => streamId);
}

/** Dates from the first one to the last one. */
function datesOf(first: string, last: string): string[] {
  const dates: string[] = [];
  for (let ms = Date.parse(first); ms <= Date.parse(last); ms += DAY_MS) {
    dates.push(new Date(ms).toISOString().slice(0, 10));
  }
  return dates;
}

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
  const running = rig.scheduler.run("2025-01-01");
  await rig.clock.advance(10_000);
  // Two run and at least four wait; the last listing may have brought three.
  assert.ok(rig.listed.length <= 3, `${rig.listed.length}`);
  rig.stop.abort();
  await ended(running);
});

Deno.test("ChunkScheduler.run() reads up to `concurrency` chunks at once, across dates", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 10 }),
      fc.nat({ max: 3000 }),
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
    { numRuns: 25 },
  );
});

Deno.test("ChunkScheduler.run() polls today and the two days before about every 16 s once it has caught up", async () => {
  const rig = makeRig({ endWhenCaughtUp: false });
  const running = rig.scheduler.run("2026-01-01");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  rig.listed.length = 0;
  await rig.clock.waitForSleepers();
  assert.equal(rig.clock.nextWakeMs, 16_000);
  await rig.clock.advance(16_000);
  assert.deepEqual(rig.listed, ["2026-01-08", "2026-01-09", TODAY]);
  rig.stop.abort();
  await ended(running);
  assert.equal(rig.clock.sleeping, 0);
});

Deno.test("ChunkScheduler.run() varies its polls by a seventh, so that many handlers do not ask at once", async () => {
  for (const [random, pauseMs] of [[0, 16_000 * 6 / 7], [1, 16_000 * 8 / 7]] as const) {
    const rig = makeRig({ endWhenCaughtUp: false, random: () => random });
    const running = rig.scheduler.run(TODAY);
    await rig.clock.waitForSleepers();
    assert.ok(Math.abs(rig.clock.nextWakeMs! - pauseMs) < 1);
    rig.stop.abort();
    await ended(running);
  }
});

Deno.test("ChunkScheduler.run() takes chunks that appear late on today and the two days before, and none before the first date", async () => {
  const rig = makeRig({ endWhenCaughtUp: false, chunks: { "2026-01-07": ["too early"] } });
  const running = rig.scheduler.run("2026-01-09");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  rig.chunks["2026-01-08"] = ["before the first date"];
  rig.chunks["2026-01-09"] = ["late"];
  rig.chunks[TODAY] = ["new"];
  await rig.clock.advance(16_000);
  assert.deepEqual(rig.forwarded, ["2026-01-09/late", `${TODAY}/new`]);
  await rig.clock.advance(160_000);
  assert.equal(rig.forwarded.length, 2);
  rig.stop.abort();
  await ended(running);
});

Deno.test("ChunkScheduler.run() goes on with the next date when midnight passes, and ends with the third day before", async () => {
  const rig = makeRig({ endWhenCaughtUp: false, chunks: { "2026-01-08": ["a"], [TODAY]: ["b"] } });
  const running = rig.scheduler.run("2026-01-08");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  assert.deepEqual(await idsOf(rig.store), ["done/2026-01-08/a", `done/${TODAY}/b`]);
  // Just before midnight and just after it.
  rig.chunks["2026-01-08"]!.push("last minute");
  await rig.clock.advance(12 * HOUR_MS + 20_000);
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
  await ended(running);
});

Deno.test("ChunkScheduler.run() lists a date once more before it leaves it, however long Teleport was away", async () => {
  let isAway = false;
  const chunks: Chunks = { "2026-01-09": ["a"] };
  const rig = makeRig({
    chunks,
    endWhenCaughtUp: false,
    list: (date) =>
      isAway
        ? Promise.reject(new Fault("unavailable", "Connection refused"))
        : Promise.resolve(chunks[date] ?? []),
  });
  const running = rig.scheduler.run("2026-01-09");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  isAway = true;
  await rig.clock.advance(60_000);
  chunks["2026-01-09"]!.push("made while it was away");
  for (let days = 0; days < 5; days++) await rig.clock.advance(DAY_MS);
  isAway = false;
  await rig.clock.advance(60_000);
  assert.deepEqual(rig.forwarded, ["2026-01-09/a", "2026-01-09/made while it was away"]);
  assert.equal(rig.progress.at(-1)!.date, "2026-01-13");
  rig.stop.abort();
  await ended(running);
});

Deno.test("ChunkScheduler.run() never tells of an idle moment after it began to list", async () => {
  let isAway = true;
  const rig = makeRig({
    endWhenCaughtUp: false,
    list: () =>
      isAway ? Promise.reject(new Fault("unavailable", "Connection refused")) : Promise.resolve([]),
  });
  const running = rig.scheduler.run(TODAY);
  for (let days = 0; days < 3; days++) await rig.clock.advance(DAY_MS);
  isAway = false;
  await advanceUntil(rig.clock, () => rig.progress.length > 0);
  // The three days in between were not listed yet.
  assert.deepEqual(rig.progress[0], { date: TODAY, idleAtMs: NOON_MS });
  rig.stop.abort();
  await ended(running);
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
  const running = rig.scheduler.run("2026-01-01");
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
  await ended(running);
});

Deno.test("ChunkScheduler.run() holds up no other chunk for one that fails, and tries that one with growing pauses up to 90 s", async () => {
  const done: string[] = [];
  const rig = makeRig({
    chunks: { "2026-01-01": ["bad", "a", "b"], "2026-01-02": ["c"] },
    concurrency: 1,
    endWhenCaughtUp: false,
    forward: ({ chunk }) => {
      if (chunk === "bad") return Promise.reject(new Fault("unavailable", "Connection was lost"));
      done.push(chunk);
      return Promise.resolve();
    },
  });
  const running = rig.scheduler.run("2026-01-01");
  await rig.clock.advance(20 * 60_000);
  assert.deepEqual(done, ["a", "b", "c"]);
  const pauses = rig.observer.parks.map(({ delayMs }) => delayMs);
  assert.ok(pauses[0]! <= 1000 && pauses.slice(1, 5).every((ms, i) => ms >= pauses[i]!));
  assert.ok(pauses.slice(8).every((ms) => ms >= 45_000 && ms <= 90_000));
  assert.deepEqual(
    rig.observer.parks.map(({ attempt }) => attempt),
    pauses.map((_, i) => i + 1),
  );
  rig.stop.abort();
  await ended(running);
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
  const running = rig.scheduler.run(TODAY);
  await advanceUntil(rig.clock, () => tries >= 8);
  assert.deepEqual(rig.observer.parks.map(({ attempt }) => attempt), [1, 2, 3, 4, 5, 6, 7, 1]);
  assert.ok(rig.observer.parks[7]!.delayMs <= 1000);
  rig.stop.abort();
  await ended(running);
});

Deno.test("ChunkScheduler.run() does not list day and night for a chunk that fails for ever", async () => {
  const rig = makeRig({
    chunks: { [TODAY]: ["bad"] },
    endWhenCaughtUp: false,
    forward: () => Promise.reject(new Fault("protocol", "Corrupted")),
  });
  const running = rig.scheduler.run(TODAY);
  await rig.clock.advance(HOUR_MS);
  assert.ok(rig.listed.length <= 3600 / 16 + 10, `${rig.listed.length}`);
  rig.stop.abort();
  await ended(running);
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
    let isLost = false;
    const rig = makeRig({
      chunks: { "2026-01-09": ["long"], [TODAY]: ["lost"] },
      endWhenCaughtUp: false,
      ...(place === "list" && {
        list: () => isLost ? Promise.reject(fault) : Promise.resolve(["long"]),
      }),
      async forward({ chunk }, stop) {
        if (chunk === "lost") throw fault;
        await new Gate().pass(stop);
        stopped++;
      },
    });
    const running = rig.scheduler.run("2026-01-09");
    isLost = true;
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
  const running = rig.scheduler.run(TODAY);
  await rig.clock.waitForSleepers();
  rig.stop.abort();
  await ended(running);
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
    endWhenCaughtUp: false,
    chunks: { "2026-01-01": ["a", long], [TODAY]: [long, "b", "ü".repeat(512)] },
  });
  const running = rig.scheduler.run("2026-01-01");
  await advanceUntil(rig.clock, () => rig.scheduler.isLive);
  await rig.clock.advance(60_000);
  rig.stop.abort();
  await ended(running);
  assert.deepEqual(rig.forwarded, ["2026-01-01/a", `${TODAY}/b`, `${TODAY}/${"ü".repeat(512)}`]);
  assert.equal(rig.observer.abandonedIds.length, 2);
  assert.deepEqual(await idsOf(store), [`done/${TODAY}/b`, `done/${TODAY}/${"ü".repeat(512)}`]);
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

Deno.test("ChunkScheduler.run() lists and compares a day with 50,000 done chunks in well under a second", async () => {
  await using folder = await temporaryFolder();
  using store = await KvPositionStore.open(folder.join("state.kv"), 0);
  const names = Array.from({ length: 50_000 }, (_, i) => `${i}-6f1c1b52-9d0e-4a3b.parquet`);
  for (let at = 0; at < names.length; at += 500) {
    const open = names.slice(at, at + 500).map((name) => ({
      streamId: `done/${TODAY}/${name}`,
      position: {},
    }));
    await store.commit({ streamId: "log", position: {}, open });
  }
  const rig = makeRig({ store, chunks: { [TODAY]: [...names, "new"] }, endWhenCaughtUp: false });
  let startMs = performance.now();
  const running = rig.scheduler.run(TODAY);
  await rig.clock.waitForSleepers();
  const firstMs = performance.now() - startMs;
  startMs = performance.now();
  await rig.clock.advance(16_000);
  const pollMs = performance.now() - startMs;
  console.error(`first listing ${Math.round(firstMs)} ms, next polls ${Math.round(pollMs)} ms`);
  assert.deepEqual(rig.forwarded, [`${TODAY}/new`]);
  assert.ok(firstMs < 1000 && pollMs < 1000, `${firstMs} ms, ${pollMs} ms`);
  rig.stop.abort();
  await ended(running);
});
