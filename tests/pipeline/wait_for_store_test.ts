import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { superviseStream } from "../../src/pipeline/supervise_stream.ts";
import { waitForStore } from "../../src/pipeline/wait_for_store.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingObserver } from "../support/pipeline_ports.ts";

function makeOptions() {
  return {
    streamId: "log",
    clock: new FakeClock(0),
    observer: new RecordingObserver(),
    stop: new AbortController().signal,
  };
}

/** Fails so often before it works. */
function failing(times: number, fault: () => unknown): () => Promise<string> {
  let left = times;
  return () => left-- > 0 ? Promise.reject(fault()) : Promise.resolve("done");
}

Deno.test("waitForStore() tries again while the store fails, and tells of it and of the end", async () => {
  const options = makeOptions();
  const waiting = waitForStore(failing(3, () => new Fault("state", "Disk is full")), options);
  for (let i = 0; i < 3; i++) {
    await options.clock.waitForSleepers();
    await options.clock.advance(options.clock.nextWakeMs!);
  }
  assert.equal(await waiting, "done");
  assert.deepEqual(options.observer.retries.map(({ peer, reason }) => [peer, reason]), [
    ["state", "Disk is full"],
    ["state", "Disk is full"],
    ["state", "Disk is full"],
  ]);
  assert.deepEqual(options.observer.recoveries, [{ peer: "state", attempts: 3 }]);
});

Deno.test("waitForStore() throws what is no fault of the store at once", async () => {
  const options = makeOptions();
  const use = failing(1, () => new Fault("internal", "Position is too large"));
  await assert.rejects(waitForStore(use, options), /too large/);
  await assert.rejects(waitForStore(failing(1, () => new TypeError("x")), options), TypeError);
});

Deno.test("waitForStore() resolves with undefined when it is stopped", async () => {
  const stop = new AbortController();
  const options = { ...makeOptions(), stop: stop.signal };
  const waiting = waitForStore(failing(9, () => new Fault("state", "Disk is full")), options);
  await options.clock.waitForSleepers();
  stop.abort();
  assert.equal(await waiting, undefined);
});

Deno.test("superviseStream() waits for a store that cannot be read when the stream begins", async () => {
  const { clock, observer, stop } = makeOptions();
  const store = new MemoryPositionStore();
  const read = store.read.bind(store);
  store.read = () => {
    store.read = read;
    return Promise.reject(new Fault("state", "Disk fails"));
  };
  const running = superviseStream({
    stream: { id: "log", async *read() {} },
    firstPosition: { at: 0 },
    filter: () => true,
    sink: { limits: { maxEvents: 1, maxBytes: 1 }, send: () => Promise.reject(new Error("none")) },
    store,
    quarantine: { put: () => Promise.resolve() },
    observer,
    clock,
    maxBytes: 1,
    stop,
    abort: stop,
  });
  await clock.waitForSleepers();
  await clock.advance(500);
  await running;
  assert.deepEqual(await store.read("log"), { at: 0 });
  assert.deepEqual(observer.recoveries, [{ peer: "state", attempts: 1 }]);
});
