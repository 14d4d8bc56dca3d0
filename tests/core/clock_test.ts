import assert from "node:assert/strict";
import { nextTurn, systemClock } from "../../src/core/clock.ts";

Deno.test("systemClock.sleep() ends after its time and not before", async () => {
  const startMs = systemClock.monotonicMs();
  await systemClock.sleep(20);
  assert.ok(systemClock.monotonicMs() - startMs >= 19);
});

Deno.test("systemClock.sleep() rejects with the reason of a signal that is aborted meanwhile", async () => {
  const controller = new AbortController();
  const sleep = systemClock.sleep(3_600_000, controller.signal);
  const reason = { not: "an error" };
  controller.abort(reason);
  // A timer that was left behind would be a leak, which the test runner reports.
  await assert.rejects(sleep, (error: unknown) => error === reason);
});

Deno.test("systemClock.sleep() rejects at once when the signal is aborted already", async () => {
  const reason = new Error("over");
  await assert.rejects(systemClock.sleep(3_600_000, AbortSignal.abort(reason)), reason);
});

Deno.test("systemClock.sleep() leaves no listener on the signal when it ends by itself", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = function (...args: unknown[]) {
    listeners++;
    return (add as (...args: unknown[]) => void).apply(signal, args);
  };
  signal.removeEventListener = function (...args: unknown[]) {
    listeners--;
    return (remove as (...args: unknown[]) => void).apply(signal, args);
  };
  for (let i = 0; i < 3; i++) await systemClock.sleep(0, signal);
  assert.equal(listeners, 0);
});

Deno.test("systemClock.nowMs() is the wall clock, and monotonicMs() never goes back", () => {
  assert.ok(Math.abs(systemClock.nowMs() - Date.now()) < 1000);
  let last = systemClock.monotonicMs();
  for (let i = 0; i < 1000; i++) {
    const next = systemClock.monotonicMs();
    assert.ok(next >= last);
    last = next;
  }
});

Deno.test("nextTurn() comes after everything that waits in this turn", async () => {
  let steps = 0;
  const waiting = (async () => {
    for (; steps < 100; steps++) await Promise.resolve();
  })();
  await nextTurn();
  assert.equal(steps, 100);
  await waiting;
});
