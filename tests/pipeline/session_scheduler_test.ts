import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { decodeSessionPosition, encodeSessionPosition } from "../../src/core/session_position.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { Gate } from "../support/gate.ts";
import { ended, idsOf, makeScheduler } from "./session_rig.ts";

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
  await clock.advance(1999);
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
  // The disk is at fault and not the recording, which needs no pause once there is room.
  assert.equal(observer.parks.length, 0);
  await clock.advance(500);
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
