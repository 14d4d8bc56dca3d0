import assert from "node:assert/strict";
import { runUntilStopped } from "../../src/cli/run_until_stopped.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

/** A run that ends when the test says so, and signals that the test gives. */
function openRig(shutdownMs: number) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const stop = new AbortController();
  const again = Promise.withResolvers<number>();
  const run = Promise.withResolvers<void>();
  let abort: AbortSignal | undefined;
  const code = runUntilStopped({
    signals: { stop: stop.signal, again: again.promise },
    shutdownMs,
    clock,
    logger,
    run(signal) {
      abort = signal;
      return run.promise;
    },
  });
  const messages = () => logger.records.map(({ message }) => message);
  return { again, clock, code, messages, run, stop, isAborted: () => abort!.aborted };
}

Deno.test("runUntilStopped() returns 0 when the run ends by itself, and says nothing", async () => {
  const { clock, code, messages, run } = openRig(5000);
  run.resolve();
  assert.equal(await code, 0);
  assert.deepEqual(messages(), []);
  assert.equal(clock.sleeping, 0);
});

Deno.test("runUntilStopped() throws what the run throws", async () => {
  const { code, run } = openRig(5000);
  run.reject(new Error("broken"));
  await assert.rejects(code, /broken/);
});

Deno.test("runUntilStopped() returns 0 after the first signal as soon as the run has ended", async () => {
  const { clock, code, isAborted, messages, run, stop } = openRig(5000);
  stop.abort();
  await clock.waitForSleepers();
  await clock.advance(4999);
  assert.equal(isAborted(), false);
  run.resolve();
  assert.equal(await code, 0);
  assert.deepEqual(messages(), [
    "Stopping once Fluentd has answered, in 5s at most; a second signal stops at once",
  ]);
  assert.equal(clock.sleeping, 0);
});

Deno.test("runUntilStopped() cuts the run off when its time is over", async () => {
  const { clock, code, isAborted, run, stop } = openRig(5000);
  stop.abort();
  await clock.waitForSleepers();
  await clock.advance(5000);
  assert.equal(isAborted(), true);
  run.resolve();
  assert.equal(await code, 0);
});

Deno.test("runUntilStopped() cuts the run off at once when it has no time", async () => {
  const { clock, code, isAborted, messages, run, stop } = openRig(0);
  stop.abort();
  await clock.waitForSleepers();
  assert.equal(isAborted(), true);
  run.resolve();
  assert.equal(await code, 0);
  assert.match(messages()[0]!, /^Stopping, and cutting off what is under way/);
});

Deno.test("runUntilStopped() does not wait for a run that does not end, and says that", async () => {
  const { clock, code, messages, stop } = openRig(5000);
  stop.abort();
  await clock.waitForSleepers();
  await clock.advance(6000);
  assert.equal(await code, 0);
  assert.match(messages().at(-1)!, /^Stopped, though something did not end: .* delivered twice/);
});

Deno.test("runUntilStopped() returns the code of the second signal at once, with one last line", async () => {
  const { again, clock, code, isAborted, messages, stop } = openRig(5000);
  stop.abort();
  await clock.waitForSleepers();
  again.resolve(143);
  assert.equal(await code, 143);
  assert.match(messages().at(-1)!, /^Stopped at once by a second signal/);
  // What would be said of an abort would come after the last line.
  assert.equal(isAborted(), false);
});

Deno.test("runUntilStopped() stops a run that begins after the signal", async () => {
  const stop = AbortSignal.abort();
  const code = runUntilStopped({
    signals: { stop, again: new Promise(() => {}) },
    shutdownMs: 5000,
    clock: new FakeClock(),
    logger: new RecordingLogger(),
    run: () => Promise.resolve(),
  });
  assert.equal(await code, 0);
});
