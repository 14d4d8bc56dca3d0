import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { observeAll } from "../../src/pipeline/observe_all.ts";
import { patientStore } from "../../src/pipeline/patient_store.ts";
import type { PositionStore } from "../../src/pipeline/ports.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { testPositionStoreContract } from "../contract/position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Fails so many times at each call before it works. */
function failing(store: PositionStore, times: number, error: Error): PositionStore {
  let left = times;
  const attempt = () => {
    if (left-- > 0) throw error;
    left = times;
  };
  return {
    async read(id) {
      await Promise.resolve().then(attempt);
      return await store.read(id);
    },
    async commit(commit) {
      await Promise.resolve().then(attempt);
      await store.commit(commit);
    },
    async forget(ids) {
      await Promise.resolve().then(attempt);
      await store.forget(ids);
    },
    async *list(prefix) {
      for await (const stream of store.list(prefix)) yield stream;
      await Promise.resolve().then(attempt);
    },
  };
}

const AWAY = new Fault("state", "The server is away");
const stop = new AbortController().signal;

testPositionStoreContract("patientStore() over a store that fails now and then", () => {
  const clock = new FakeClock(0);
  const store = patientStore(failing(new MemoryPositionStore(), 1, AWAY), {
    clock: { ...clock, nowMs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() },
    observer: observeAll([]),
    stop,
  });
  return Promise.resolve({ store, [Symbol.asyncDispose]: () => Promise.resolve() });
});

Deno.test("patientStore() throws at once what is no fault of the store, and a fault once it is stopped", async () => {
  const clock = new FakeClock(0);
  const other = new Fault("moved", "Another handler has moved it");
  const observer = observeAll([]);
  const moved = patientStore(failing(new MemoryPositionStore(), 9, other), {
    clock,
    observer,
    stop,
  });
  await assert.rejects(moved.commit({ streamId: "log", position: {} }), other);
  const stopped = { clock, observer, stop: AbortSignal.abort() };
  const away = patientStore(failing(new MemoryPositionStore(), 9, AWAY), stopped);
  await assert.rejects(away.read("log"), AWAY);
});
