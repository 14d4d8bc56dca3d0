import assert from "node:assert/strict";
import { Fault, type FaultKind } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import { decodeSessionPosition, encodeSessionPosition } from "../../src/core/session_position.ts";
import type { ParkedStream, PositionStore } from "../../src/pipeline/ports.ts";
import { SessionScheduler } from "../../src/pipeline/session_scheduler.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Gate } from "../support/gate.ts";
import { RecordingObserver } from "../support/pipeline_ports.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Remembers what becomes of sessions. */
class SessionObserver extends RecordingObserver {
  readonly parks: ParkedStream[] = [];
  readonly finishedIds: string[] = [];
  readonly abandonments: { streamId: string; reason: string }[] = [];

  override parked(parked?: ParkedStream): void {
    this.parks.push(parked!);
  }
  override finished(streamId?: string): void {
    this.finishedIds.push(streamId!);
  }
  override abandoned(streamId?: string, reason?: string): void {
    this.abandonments.push({ streamId: streamId!, reason: reason! });
  }
}

type Forward = (
  sessionId: string,
  position: Position,
  stop: AbortSignal,
) => Promise<void>;

/** A scheduler over a store in memory; another one over the same store is a restart. */
function makeScheduler(
  forward: Forward,
  options: { store?: PositionStore; clock?: FakeClock; concurrency?: number } = {},
) {
  const store = options.store ?? new MemoryPositionStore();
  const clock = options.clock ?? new FakeClock();
  const observer = new SessionObserver();
  const stop = new AbortController();
  const scheduler = new SessionScheduler({
    concurrency: options.concurrency ?? 2,
    clock,
    store,
    observer,
    stop: stop.signal,
    forward,
  });
  /** Commits sessions as the log does and tells the scheduler. */
  const open = async (...ids: readonly string[]) => {
    const streams = ids.map((id) => ({
      streamId: `session/${id}`,
      position: encodeSessionPosition({
        index: 0,
        uploadMs: clock.nowMs(),
        attempts: 0,
        dueMs: 0,
      }),
    }));
    await store.commit({ streamId: "log", position: {}, open: streams });
    scheduler.open(streams);
  };
  return { scheduler, store, clock, observer, stop, open };
}

/** A forwarding that always fails. */
function failWith(kind: FaultKind): Forward {
  return () => Promise.reject(new Fault(kind, `Recording is ${kind}`));
}

function ended<T>(running: Promise<T>): Promise<T> {
  return within(running, { what: () => "the scheduler's end", timeoutMs: 5000 });
}

async function idsOf(store: PositionStore, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(store.list(prefix))).map(({ streamId }) => streamId);
}

/** Moves the clock to the end of each pause, so many times. */
async function pass(clock: FakeClock, pauses: number): Promise<void> {
  for (let i = 0; i < pauses; i++) {
    await clock.waitForSleepers();
    await clock.advance(clock.nextWakeMs!);
  }
}

Deno.test("SessionScheduler forwards each session from its stored position, and forgets it once done", async () => {
  const forwarded: [string, number][] = [];
  const { scheduler, store, observer, open } = makeScheduler((id, position) => {
    forwarded.push([id, decodeSessionPosition(position).index]);
    return Promise.resolve();
  });
  await open("a", "b", "c");
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(forwarded, [["a", 0], ["b", 0], ["c", 0]]);
  assert.deepEqual(observer.finishedIds, ["session/a", "session/b", "session/c"]);
  assert.deepEqual(await idsOf(store, "session/"), []);
  assert.deepEqual(await idsOf(store, "abandoned/"), []);
});

Deno.test("SessionScheduler takes no streams but those of sessions", async () => {
  const { scheduler } = makeScheduler(() => assert.fail("forwards"));
  scheduler.open([{ streamId: "chunk/2026-01-01/a", position: {} }]);
  scheduler.drain();
  await ended(scheduler.run());
});

Deno.test("SessionScheduler looks for a missing recording after 15 s and then twice as long each time, up to 30 min", async () => {
  const { scheduler, clock, observer, stop, open } = makeScheduler(failWith("missing"));
  await open("a");
  const running = scheduler.run();
  await pass(clock, 9);
  stop.abort();
  await ended(running);
  const delays = observer.parks.map(({ delayMs }) => delayMs / 1000);
  assert.deepEqual(delays.slice(0, 9), [15, 30, 60, 120, 240, 480, 960, 1800, 1800]);
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

Deno.test("SessionScheduler tries again after 1 s and then twice as long each time, up to 5 min, when Teleport fails", async () => {
  const { scheduler, clock, observer, stop, open } = makeScheduler(failWith("unavailable"));
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

Deno.test("SessionScheduler gives a missing recording up at the 100th try", async () => {
  const store = new MemoryPositionStore();
  const clock = new FakeClock();
  const position = { index: 0, uploadMs: clock.nowMs(), dueMs: 0 };
  for (const [id, attempts] of [["98th", 98], ["99th", 99]] as const) {
    await store.commit({
      streamId: `session/${id}`,
      position: encodeSessionPosition({ ...position, attempts }),
    });
  }
  const { scheduler, observer } = makeScheduler(failWith("missing"), { store, clock });
  assert.equal(await scheduler.load(), 2);
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(observer.abandonments.map(({ streamId }) => streamId), ["session/99th"]);
  assert.deepEqual(observer.parks.map(({ streamId }) => streamId), ["session/98th"]);
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

Deno.test("SessionScheduler says how to mend what a session is refused for", async () => {
  const hint = "The role must allow it";
  const { scheduler, observer, open } = makeScheduler(() =>
    Promise.reject(new Fault("denied", "Access denied", { hint }))
  );
  await open("a");
  scheduler.drain();
  await ended(scheduler.run());
  assert.equal(observer.parks[0]!.reason, `Access denied. ${hint}`);
});

Deno.test("SessionScheduler keeps the time of the next try over a restart", async () => {
  const first = makeScheduler(failWith("missing"));
  await first.open("a");
  const running = first.scheduler.run();
  await pass(first.clock, 3);
  first.stop.abort();
  await ended(running);
  // The fourth pause takes 120 s, of which 50 s have gone by at the restart.
  await first.clock.advance(50_000);
  const clock = new FakeClock(first.clock.nowMs());
  const tries: number[] = [];
  const again = makeScheduler((_, position) => {
    tries.push(decodeSessionPosition(position).attempts);
    return Promise.resolve();
  }, { store: first.store, clock });
  assert.equal(await again.scheduler.load(), 1);
  const runningAgain = again.scheduler.run();
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 70_000);
  await clock.advance(69_999);
  assert.deepEqual(tries, []);
  await clock.advance(1);
  assert.deepEqual(tries, [4]);
  again.stop.abort();
  await ended(runningAgain);
});

Deno.test("SessionScheduler tries a session in half an hour whose time was set by a clock far ahead", async () => {
  const store = new MemoryPositionStore();
  const clock = new FakeClock();
  const dueMs = clock.nowMs() + 100 * 365 * 24 * HOUR_MS;
  const position = { index: 0, uploadMs: clock.nowMs(), attempts: 1, dueMs };
  await store.commit({ streamId: "session/a", position: encodeSessionPosition(position) });
  const { scheduler, stop } = makeScheduler(() => Promise.resolve(), { store, clock });
  await scheduler.load();
  const running = scheduler.run();
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 30 * MINUTE_MS);
  stop.abort();
  await ended(running);
});

Deno.test("SessionScheduler changes nothing for a second upload event of a session that it knows", async () => {
  const gate = new Gate();
  const starts: number[] = [];
  const store = new MemoryPositionStore();
  const { scheduler, observer, open } = makeScheduler(async (id, position) => {
    starts.push(decodeSessionPosition(position).index);
    await store.commit({
      streamId: `session/${id}`,
      position: encodeSessionPosition({ index: 7, uploadMs: 0, attempts: 0, dueMs: 0 }),
    });
    await gate.pass();
  }, { store });
  await open("a");
  scheduler.drain();
  const running = scheduler.run();
  await gate.reached;
  await open("a");
  assert.equal(decodeSessionPosition((await store.read("session/a"))!).index, 7);
  gate.open();
  await ended(running);
  assert.deepEqual(starts, [0]);
  assert.deepEqual(observer.finishedIds, ["session/a"]);
  assert.deepEqual(await idsOf(store, "session/"), []);
});

Deno.test("SessionScheduler leaves a session that is set aside to its time when its upload comes again", async () => {
  let tries = 0;
  const { scheduler, clock, stop, open } = makeScheduler(() => {
    tries++;
    return Promise.reject(new Fault("missing", "Not there"));
  });
  await open("a");
  const running = scheduler.run();
  await clock.waitForSleepers();
  await open("a");
  await clock.advance(14_999);
  assert.equal(tries, 1);
  await clock.advance(1);
  assert.equal(tries, 2);
  stop.abort();
  await ended(running);
});

Deno.test("SessionScheduler takes a session that is opened again at the moment it is forgotten", async () => {
  const store = new MemoryPositionStore();
  const forget = store.forget.bind(store);
  let forwards = 0;
  const { scheduler, open } = makeScheduler(() => Promise.resolve(void forwards++), { store });
  store.forget = async (ids) => {
    await forget(ids);
    if (forwards === 1) await open("a");
  };
  await open("a");
  scheduler.drain();
  await ended(scheduler.run());
  assert.equal(forwards, 2);
  assert.deepEqual(await idsOf(store, "session/"), []);
});

Deno.test("SessionScheduler keeps a session when it is stopped in the middle, and the next run goes on there", async () => {
  const store = new MemoryPositionStore();
  const first = makeScheduler(async (id, position, stop) => {
    const at = { ...decodeSessionPosition(position), index: 42 };
    await store.commit({ streamId: `session/${id}`, position: encodeSessionPosition(at) });
    // As a forwarding does, it ends in good order when it is stopped.
    await new Gate().pass(stop);
  }, { store, concurrency: 1 });
  await first.open("a", "b");
  const running = first.scheduler.run();
  await first.clock.advance(0);
  first.stop.abort();
  await ended(running);
  assert.deepEqual(first.observer.finishedIds, []);
  assert.deepEqual(first.observer.parks, []);
  const starts: [string, number][] = [];
  const again = makeScheduler((id, position) => {
    starts.push([id, decodeSessionPosition(position).index]);
    return Promise.resolve();
  }, { store, clock: first.clock });
  assert.equal(await again.scheduler.load(), 2);
  again.scheduler.drain();
  await ended(again.scheduler.run());
  assert.deepEqual(starts, [["a", 42], ["b", 0]]);
  assert.deepEqual(await idsOf(store, ""), ["log"]);
});

Deno.test("SessionScheduler neither parks nor forgets a session whose reading broke because it was stopped", async () => {
  const { scheduler, store, observer, open, stop } = makeScheduler(() => {
    stop.abort();
    return Promise.reject(new Fault("unavailable", "Connection was lost"));
  });
  await open("a");
  const before = await store.read("session/a");
  await ended(scheduler.run());
  assert.deepEqual(observer.parks, []);
  assert.deepEqual(await store.read("session/a"), before);
});

Deno.test("SessionScheduler goes on with other sessions while one fails", async () => {
  const { scheduler, observer, open } = makeScheduler(
    (id) => id === "bad" ? Promise.reject(new Fault("protocol", "Corrupted")) : Promise.resolve(),
    {
      concurrency: 1,
    },
  );
  await open("bad", "a", "b");
  scheduler.drain();
  await ended(scheduler.run());
  assert.deepEqual(observer.finishedIds, ["session/a", "session/b"]);
  assert.deepEqual(observer.parks.map(({ streamId }) => streamId), ["session/bad"]);
});

Deno.test("SessionScheduler waits for the store when it fails, and loses no session", async () => {
  const store = new MemoryPositionStore();
  const { scheduler, clock, observer, open, stop } = makeScheduler(() => Promise.resolve(), {
    store,
  });
  await open("a");
  const read = store.read.bind(store);
  store.read = () => {
    store.read = read;
    return Promise.reject(new Fault("state", "Disk is full"));
  };
  const running = scheduler.run();
  await clock.waitForSleepers();
  assert.equal(observer.parks[0]!.reason, "Disk is full");
  await clock.advance(clock.nextWakeMs!);
  assert.deepEqual(observer.finishedIds, ["session/a"]);
  stop.abort();
  await ended(running);
});

Deno.test("SessionScheduler stops all sessions and throws when one shows a defect", async () => {
  const stopped: string[] = [];
  const { scheduler, store, open } = makeScheduler(async (id, _, stop) => {
    if (id === "bad") throw new TypeError("undefined is not a function");
    await new Gate().pass(stop);
    stopped.push(id);
  });
  await open("a", "bad");
  await assert.rejects(ended(scheduler.run()), TypeError);
  assert.deepEqual(stopped, ["a"]);
  assert.deepEqual(await idsOf(store, "session/"), ["session/a", "session/bad"]);
});
