import assert from "node:assert/strict";
import { addDays, toUtcDate } from "../../src/core/utc_date.ts";
import { ChunkRunner } from "../../src/pipeline/chunk_runner.ts";
import { ChunkScheduler } from "../../src/pipeline/chunk_scheduler.ts";
import { SessionScheduler } from "../../src/pipeline/session_scheduler.ts";
import { END, RecordingObserver } from "../support/pipeline_ports.ts";
import { TIMES } from "../state/replica_world.ts";
import { session, type SharedReplica, SharedRig } from "../state/shared_rig.ts";

const SECOND_MS = 1000;

/** Recordings that wait, and replicas that forward them, each in a tenth of a second. */
async function makeWorld(count: number, names: readonly string[]) {
  const rig = new SharedRig();
  rig.put(Array.from({ length: count }, (_, at) => session(`s${at}`)));
  const forwarded: { readonly id: string; readonly by: string }[] = [];
  const stops = new Map<string, AbortController>();
  const running: Promise<void>[] = [];
  const replicas = new Map<string, SharedReplica>();
  for (const name of names) replicas.set(name, await rig.join(name));
  await rig.time.advance(5 * SECOND_MS);
  const schedulers = new Map<string, SessionScheduler>();
  for (const [name, replica] of replicas) {
    const stop = new AbortController();
    stops.set(name, stop);
    const scheduler = new SessionScheduler({
      concurrency: 2,
      clock: replica.machine,
      store: replica.store,
      observer: new RecordingObserver(),
      sharing: replica.store,
      stop: AbortSignal.any([stop.signal, replica.lease.lost]),
      async forward(id, _position, stop) {
        await replica.machine.sleep(100, stop).catch(() => {});
        // As before each request.
        if (stop.aborted || !replica.lease.isHeld) return undefined;
        forwarded.push({ id, by: name });
        return END;
      },
    });
    schedulers.set(name, scheduler);
    running.push(scheduler.run());
  }
  const end = async () => {
    for (const stop of stops.values()) stop.abort();
    await rig.time.advance(SECOND_MS);
    await Promise.all(running);
    for (const { leave } of replicas.values()) await leave();
  };
  return { end, forwarded, replicas, rig, running, schedulers, stops };
}

Deno.test("SessionScheduler shares recordings out: each arrives once, and everybody has a part", async () => {
  const { end, forwarded, rig } = await makeWorld(60, ["a", "b", "c"]);
  await rig.time.advance(15 * SECOND_MS);
  assert.equal(forwarded.length, 60);
  assert.equal(new Set(forwarded.map(({ id }) => id)).size, 60);
  for (const name of ["a", "b", "c"]) {
    assert.ok(forwarded.filter(({ by }) => by === name).length > 10, name);
  }
  assert.deepEqual([rig.ids(), rig.ids("claim")], [[], []]);
  await end();
});

Deno.test("SessionScheduler needs few calls to the store for a shared recording that waits", async () => {
  const { end, forwarded, replicas, rig } = await makeWorld(200, ["a"]);
  const { kv } = replicas.get("a")!;
  const before = { calls: kv.calls, ms: rig.time.nowMs };
  while (forwarded.length < 200) await rig.time.advance(100);
  await rig.time.advance(100);
  assert.deepEqual(rig.ids(), []);
  // Besides those that keep the lease: a claim, the end, and its part of a look.
  const leases = 2 * (rig.time.nowMs - before.ms) / TIMES.retryMs;
  const calls = (kv.calls - before.calls - leases) / 200;
  assert.ok(calls > 2 && calls < 2.5, `${calls} calls for each recording`);
  await end();
});

Deno.test("SessionScheduler takes over what a replica that is gone had claimed, and its part", async () => {
  const { end, forwarded, replicas, rig } = await makeWorld(60, ["a", "b"]);
  await rig.time.advance(500);
  // It stands still for ever, in the middle of two recordings.
  replicas.get("a")!.machine.stop();
  const before = forwarded.filter(({ by }) => by === "a").length;
  await rig.time.advance(30 * SECOND_MS);
  assert.deepEqual(rig.ids(), []);
  assert.equal(forwarded.length, 60);
  assert.equal(forwarded.filter(({ by }) => by === "a").length, before);
  // When it wakes, it has lost everything, and does nothing more.
  replicas.get("a")!.machine.wake();
  await rig.time.advance(SECOND_MS);
  assert.ok(replicas.get("a")!.lease.lost.aborted);
  assert.equal(forwarded.length, 60);
  await end();
});

Deno.test("SessionScheduler finds what is opened later, and ends when it is drained and nothing is left", async () => {
  const { end, forwarded, rig, running, schedulers } = await makeWorld(0, ["a"]);
  rig.put([session("new")]);
  await rig.time.advance(3 * SECOND_MS);
  assert.equal(forwarded.length, 1);
  rig.put([session("last"), session("parked", Date.UTC(2026, 0, 2))]);
  schedulers.get("a")!.drain();
  await rig.time.advance(3 * SECOND_MS);
  await running[0];
  assert.deepEqual(forwarded.map(({ id }) => id), ["new", "last"]);
  await end();
});

Deno.test("ChunkRunner forwards a shared chunk once, also one that is opened again after it was done", async () => {
  const rig = new SharedRig();
  const chunks = Array.from({ length: 30 }, (_, at) => ({
    streamId: `chunk/2026-01-01/c${at}`,
    position: { version: 1, cursor: "" },
  }));
  rig.put(chunks);
  const stop = new AbortController();
  const forwarded: string[] = [];
  const replicas = [await rig.join("a"), await rig.join("b")];
  await rig.time.advance(5 * SECOND_MS);
  const running = replicas.map(({ machine, store }) =>
    new ChunkRunner({
      concurrency: 2,
      clock: machine,
      store,
      observer: new RecordingObserver(),
      sharing: store,
      stallMs: 60_000,
      stop: stop.signal,
      async forward({ chunk }, stop) {
        await machine.sleep(100, stop);
        forwarded.push(chunk);
        return END;
      },
    }).run()
  );
  await rig.time.advance(15 * SECOND_MS);
  assert.equal(forwarded.length, 30);
  // A leader that has come just now may list it before it knows.
  rig.put(chunks.slice(0, 3));
  await rig.time.advance(5 * SECOND_MS);
  assert.equal(forwarded.length, 30);
  assert.deepEqual(
    rig.ids(),
    chunks.map(({ streamId }) => streamId.replace("chunk", "done")).sort(),
  );
  assert.deepEqual(rig.ids("claim"), []);
  stop.abort();
  await rig.time.advance(SECOND_MS);
  await Promise.all(running);
  for (const { leave } of replicas) await leave();
});

Deno.test("ChunkScheduler lists ahead of what replicas forward, and notices soon that all is done", async () => {
  const rig = new SharedRig();
  const stop = new AbortController();
  const [leader, other] = [await rig.join("a"), await rig.join("b")];
  await leader.lead();
  await rig.time.advance(5 * SECOND_MS);
  const today = toUtcDate(leader.machine.nowMs());
  const dates = Array.from({ length: 30 }, (_, at) => addDays(today, at - 29));
  const common = { concurrency: 2, stallMs: 60_000, stop: stop.signal };
  let lastDoneMs = 0;
  const runner = new ChunkRunner({
    ...common,
    clock: other.machine,
    store: other.store,
    observer: new RecordingObserver(),
    sharing: other.store,
    async forward(_chunk, stop) {
      await other.machine.sleep(50, stop);
      lastDoneMs = rig.time.nowMs;
      return END;
    },
  });
  let idleMs: number | undefined;
  const scheduler = new ChunkScheduler({
    ...common,
    clock: leader.machine,
    store: leader.store,
    observer: new RecordingObserver(),
    sharing: leader.store,
    pollMs: 60 * SECOND_MS,
    endWhenCaughtUp: false,
    list: (date) => Promise.resolve(dates.includes(date) ? ["c1", "c2", "c3"] : []),
    forward: () => Promise.reject(new Error("The leader has a runner of its own")),
    onOpened: () => isOpened ||= rig.ids().some((id) => id.startsWith("chunk/")),
    onProgress({ idleAtMs }) {
      if (idleAtMs !== undefined) idleMs ??= rig.time.nowMs;
      return Promise.resolve();
    },
  });
  const startMs = rig.time.nowMs;
  let isOpened = false;
  const running = [runner.run(), scheduler.run(dates[0]!)];
  await rig.time.advance(20 * SECOND_MS);
  assert.deepEqual(rig.ids().filter((id) => id.startsWith("chunk/")), []);
  assert.ok(isOpened, "who forwards beside the leader is told");
  // 90 chunks of 50 ms, two at a time, with the claims between them.
  assert.ok(lastDoneMs - startMs < 8 * SECOND_MS, `${lastDoneMs - startMs}`);
  assert.ok(idleMs !== undefined && idleMs - lastDoneMs <= 3 * SECOND_MS, `${idleMs}`);
  stop.abort();
  await rig.time.advance(SECOND_MS);
  await Promise.all(running);
  for (const { leave } of [leader, other]) await leave();
});
