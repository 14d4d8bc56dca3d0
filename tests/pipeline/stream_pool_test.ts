import assert from "node:assert/strict";
import fc from "fast-check";
import { StreamPool } from "../../src/pipeline/stream_pool.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Gate } from "../support/gate.ts";

type Run = (id: string, stop: AbortSignal) => Promise<number | undefined>;

function makePool(run: Run, { clock = new FakeClock(), concurrency = 2 } = {}) {
  const stop = new AbortController();
  const pool = new StreamPool({ concurrency, clock, stop: stop.signal, run });
  return { pool, clock, stop };
}

/** Ends a run that should end by itself; fails when it hangs. */
function ended<T>(running: Promise<T>): Promise<T> {
  return within(running, { what: () => "the pool's end" });
}

/** Moves the clock from sleep to sleep until a promise settles, or for some time after all sleep. */
async function drive(clock: FakeClock, running: Promise<unknown>): Promise<void> {
  let isDone = false;
  running.then(() => isDone = true, () => isDone = true);
  for (let idle = 0; !isDone && idle < 20; idle = clock.sleeping > 0 ? 0 : idle + 1) {
    await clock.advance(clock.nextWakeMs ?? 0);
  }
  assert.ok(isDone, "Nobody sleeps, and the pool does not end");
}

Deno.test("StreamPool.run() gives every stream each turn it asks for, at most `concurrency` at once and none twice", async () => {
  const stream = fc.record({
    /** When it is added. */
    addMs: fc.integer({ min: 0, max: 3000 }),
    delayMs: fc.integer({ min: -10, max: 5000 }),
    /** Pauses that it asks for, one after each turn but the last. */
    pausesMs: fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 3 }),
    workMs: fc.integer({ min: 0, max: 2000 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 5 }),
      fc.array(stream, { minLength: 1, maxLength: 10 }),
      async (concurrency, streams) => {
        const clock = new FakeClock();
        const running = new Set<string>();
        const turns = streams.map(() => 0);
        let left = streams.reduce((sum, { pausesMs }) => sum + pausesMs.length + 1, 0);
        const { pool } = makePool(async (id) => {
          assert.ok(!running.has(id), `${id} runs twice`);
          running.add(id);
          assert.ok(running.size <= concurrency);
          // One that has just ended may be counted still.
          const counted = pool.counts.running;
          assert.ok(running.size <= counted && counted <= concurrency, `${counted} are counted`);
          const { pausesMs, workMs } = streams[Number(id)]!;
          if (workMs > 0) await clock.sleep(workMs);
          running.delete(id);
          if (--left === 0) pool.drain();
          return pausesMs[turns[Number(id)]!++];
        }, { clock, concurrency });
        for (const [id, { addMs, delayMs }] of streams.entries()) {
          if (addMs === 0) pool.add(String(id), delayMs);
          else clock.sleep(addMs).then(() => pool.add(String(id), delayMs));
        }
        const run = pool.run();
        await drive(clock, run);
        await run;
        assert.deepEqual(turns, streams.map(({ pausesMs }) => pausesMs.length + 1));
        assert.deepEqual(pool.counts, { ready: 0, running: 0, parked: 0 });
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("StreamPool.run() gives the next place to the stream that waits longest", async () => {
  const order: string[] = [];
  const { pool, clock } = makePool((id) => {
    order.push(id);
    // The first asks for more at once, and has to wait for the others.
    return Promise.resolve(order.length === 1 ? 0 : undefined);
  }, { concurrency: 1 });
  for (const id of ["a", "b", "c"]) pool.add(id);
  pool.add("later", 20);
  pool.add("soon", 10);
  pool.add("also soon", 10);
  await clock.advance(20);
  pool.drain();
  await ended(pool.run());
  assert.deepEqual(order, ["a", "b", "c", "soon", "also soon", "later", "a"]);
});

Deno.test("StreamPool.run() waits exactly until the first of the parked streams is due", async () => {
  const starts: [string, number][] = [];
  const { pool, clock } = makePool((id) => {
    starts.push([id, clock.monotonicMs()]);
    if (starts.length === 3) pool.drain();
    return Promise.resolve(undefined);
  });
  pool.add("slow", 60_000);
  pool.add("fast", 1000);
  const running = pool.run();
  await clock.waitForSleepers();
  assert.equal(clock.nextWakeMs, 1000);
  // One that is due earlier than what is slept for shortens the sleep.
  pool.add("faster", 500);
  await clock.advance(0);
  await drive(clock, running);
  assert.deepEqual(starts, [["faster", 500], ["fast", 1000], ["slow", 60_000]]);
});

Deno.test("StreamPool.run() goes on with others while a stream is parked", async () => {
  const done: string[] = [];
  const { pool } = makePool((id) => {
    done.push(id);
    if (done.length === 4) pool.drain();
    return Promise.resolve(id === "bad" ? 60_000 : undefined);
  }, { concurrency: 1 });
  for (const id of ["bad", "a", "b", "c"]) pool.add(id);
  await ended(pool.run());
  assert.deepEqual(done, ["bad", "a", "b", "c"]);
});

Deno.test("StreamPool.run() ends at once when it is stopped while all streams are parked, and leaves no timer", async () => {
  const { pool, clock, stop } = makePool(() => Promise.resolve(undefined));
  pool.add("a", 60_000);
  const running = pool.run();
  await clock.waitForSleepers();
  stop.abort();
  await ended(running);
  assert.equal(clock.sleeping, 0);
});

Deno.test("StreamPool.run() ends at once when it is stopped while it has no streams", async () => {
  const { pool, stop } = makePool(() => Promise.resolve(undefined));
  const running = pool.run();
  stop.abort();
  await ended(running);
});

Deno.test("StreamPool.run() starts nothing when it was stopped before", async () => {
  const { pool, stop } = makePool(() => assert.fail("runs"));
  pool.add("a");
  stop.abort();
  await ended(pool.run());
});

Deno.test("StreamPool.run() waits for the streams that run when it is stopped, and starts no other", async () => {
  const gate = new Gate();
  const started: string[] = [];
  const { pool, stop } = makePool(async (id) => {
    started.push(id);
    await gate.pass();
    return 0;
  }, { concurrency: 1 });
  pool.add("a");
  pool.add("b");
  let isEnded = false;
  const running = pool.run().then(() => isEnded = true);
  await gate.reached;
  stop.abort();
  await new FakeClock().advance(0);
  assert.equal(isEnded, false);
  gate.open();
  await ended(running);
  assert.deepEqual(started, ["a"]);
});

Deno.test("StreamPool.drain() ends a run at once, parked streams or not, and leaves no timer", async () => {
  for (const delayMs of [undefined, 60_000]) {
    const { pool, clock } = makePool(() => Promise.resolve(undefined));
    if (delayMs !== undefined) pool.add("parked", delayMs);
    const running = pool.run();
    if (delayMs !== undefined) await clock.waitForSleepers();
    pool.drain();
    await ended(running);
    assert.equal(clock.sleeping, 0);
  }
});

Deno.test("StreamPool.drain() lets the streams that wait for a place have it first", async () => {
  const done: string[] = [];
  const { pool } = makePool((id) => {
    done.push(id);
    return Promise.resolve(undefined);
  }, { concurrency: 1 });
  for (const id of ["a", "b", "c"]) pool.add(id);
  pool.drain();
  await ended(pool.run());
  assert.deepEqual(done, ["a", "b", "c"]);
});

Deno.test("StreamPool.run() throws what a stream threw, after it told the others to stop and they did", async () => {
  const failure = new Error("broken");
  const stopped: string[] = [];
  const { pool, clock } = makePool(async (id, stop) => {
    if (id === "bad") throw failure;
    await clock.sleep(60_000, stop).catch(() => stopped.push(id));
    return undefined;
  }, { concurrency: 3 });
  for (const id of ["a", "b", "bad", "never"]) pool.add(id);
  await assert.rejects(ended(pool.run()), (error) => error === failure);
  assert.deepEqual(stopped, ["a", "b"]);
  assert.equal(pool.counts.running, 0);
  assert.equal(clock.sleeping, 0);
});

Deno.test("StreamPool.run() throws at once when it has failed before, and runs nothing more", async () => {
  let runs = 0;
  const { pool } = makePool(() => {
    runs++;
    return Promise.reject(new Error("broken"));
  });
  pool.add("a");
  await assert.rejects(ended(pool.run()), /broken/);
  pool.add("b");
  await assert.rejects(ended(pool.run()), /broken/);
  assert.equal(runs, 1);
});

Deno.test("StreamPool.add() leaves a stream that waits as it is", async () => {
  const starts: string[] = [];
  const { pool, clock } = makePool((id) => {
    starts.push(`${id} ${clock.monotonicMs()}`);
    return Promise.resolve(undefined);
  });
  pool.add("ready");
  pool.add("ready");
  pool.add("parked", 1000);
  pool.add("parked");
  assert.deepEqual(pool.counts, { ready: 1, running: 0, parked: 1 });
  const running = pool.run();
  await clock.advance(1000);
  pool.drain();
  await ended(running);
  assert.deepEqual(starts, ["ready 0", "parked 1000"]);
});

Deno.test("StreamPool.add() gives a stream that runs one more turn: it may have missed what it is added for", async () => {
  const gate = new Gate();
  let turns = 0;
  const { pool } = makePool(async () => {
    turns++;
    await gate.pass();
    return undefined;
  });
  pool.add("a");
  pool.drain();
  const running = pool.run();
  await gate.reached;
  pool.add("a");
  pool.add("a");
  gate.open();
  await ended(running);
  assert.equal(turns, 2);
});

Deno.test("StreamPool.add() takes a stream again that was done", async () => {
  let turns = 0;
  const { pool, clock } = makePool(() => Promise.resolve(void turns++));
  const running = pool.run();
  for (let i = 0; i < 3; i++) {
    pool.add("a");
    await clock.advance(0);
  }
  pool.drain();
  await ended(running);
  assert.equal(turns, 3);
});

Deno.test("StreamPool.add() parks 20,000 streams in any order within seconds", () => {
  const { pool } = makePool(() => Promise.resolve(undefined));
  const startMs = performance.now();
  for (let i = 0; i < 20_000; i++) pool.add(String(i), 1 + (i * 7919) % 1_800_000);
  const tookMs = performance.now() - startMs;
  // It takes 50 ms; the machine may be busy.
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  assert.equal(pool.counts.parked, 20_000);
});
