import assert from "node:assert/strict";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("FakeClock ends sleeps at their moments and in their order", async () => {
  const clock = new FakeClock(1000);
  const woken: string[] = [];
  const sleepers = [["late", 300], ["early", 100], ["never", 5000]].map(async ([name, ms]) => {
    await clock.sleep(ms as number);
    woken.push(`${name} at ${clock.nowMs()}`);
  });
  assert.equal(clock.sleeping, 3);
  assert.equal(clock.nextWakeMs, 100);
  await clock.advance(300);
  assert.deepEqual(woken, ["early at 1100", "late at 1300"]);
  assert.equal(clock.monotonicMs(), 300);
  await clock.advance(5000);
  await Promise.all(sleepers);
});

Deno.test("FakeClock lets a sleeper sleep again within one stretch", async () => {
  const clock = new FakeClock();
  let turns = 0;
  const abort = new AbortController();
  const loop = (async () => {
    for (;;) {
      await clock.sleep(10, abort.signal);
      turns++;
    }
  })();
  await clock.advance(95);
  assert.equal(turns, 9);
  abort.abort(new Error("enough"));
  await assert.rejects(loop, /enough/);
  assert.equal(clock.sleeping, 0);
});

Deno.test("FakeClock rejects a sleep whose signal is aborted already", async () => {
  const clock = new FakeClock();
  await assert.rejects(clock.sleep(10, AbortSignal.abort(new Error("over"))), /over/);
});

Deno.test("FakeClock jumps by the wall clock alone", async () => {
  const clock = new FakeClock(0);
  clock.jump(-3_600_000);
  await clock.advance(10);
  assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [-3_599_990, 10]);
});
