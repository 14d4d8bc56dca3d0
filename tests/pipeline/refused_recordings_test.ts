import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { decodeSessionPosition, encodeSessionPosition } from "../../src/core/session_position.ts";
import { Evidence } from "../../src/pipeline/evidence.ts";
import { forwardStream } from "../../src/pipeline/forward_stream.ts";
import type { EventStream } from "../../src/pipeline/ports.ts";
import { SessionScheduler } from "../../src/pipeline/session_scheduler.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import {
  makeEvent,
  MemoryQuarantine,
  RecordingObserver,
  ScriptedSink,
} from "../support/pipeline_ports.ts";

/** Three days old: one that is damaged is given up after some tries. */
const UPLOAD_AGE_MS = 72 * 60 * 60 * 1000;

/** A recording of two events; with a fault, it breaks off behind them. */
function recording(id: string, fault: Fault | undefined): EventStream {
  return {
    id: `session/${id}`,
    async *read(stored) {
      const start = decodeSessionPosition(stored);
      const events = [makeEvent(`${id}-0`), makeEvent(`${id}-1`)].slice(start.index);
      const positionAfter = (index: number) =>
        encodeSessionPosition({ ...start, attempts: 0, index: start.index + index + 1 });
      const position = positionAfter(events.length - 1);
      if (events.length > 0) yield { events, backlog: true, positionAfter, position };
      await Promise.resolve();
      if (fault !== undefined) throw fault;
    },
  };
}

class Observer extends RecordingObserver {
  readonly finishedIds: string[] = [];
  readonly abandonedIds: string[] = [];

  override finished(streamId?: string): void {
    this.finishedIds.push(streamId!);
  }
  override abandoned(streamId?: string): void {
    this.abandonedIds.push(streamId!);
  }
}

/** Recordings before a receiver that refuses some events, forwarded as in the program. */
async function startRun(
  ids: readonly string[],
  options: { concurrency?: number; fault?: Fault; isRefused: (eventId: string) => boolean },
) {
  const { concurrency = 5, fault, isRefused } = options;
  const clock = new FakeClock();
  const store = new MemoryPositionStore();
  const observer = new Observer();
  const quarantine = new MemoryQuarantine();
  const sink = new ScriptedSink((events) =>
    events.some(({ id }) => isRefused(id))
      ? { kind: "rejected", reason: "HTTP 400" }
      : { kind: "delivered" }
  );
  const evidence = new Evidence();
  const { signal } = new AbortController();
  const stop = new AbortController();
  const scheduler = new SessionScheduler({
    concurrency,
    aside: evidence,
    clock,
    store,
    observer,
    stop: stop.signal,
    forward: (id, position, stop) =>
      forwardStream({
        stream: recording(id, fault),
        position,
        filter: () => true,
        sink,
        store,
        quarantine,
        evidence,
        observer,
        clock,
        maxBytes: 1_000_000,
        leavesEnd: true,
        stop,
        abort: signal,
      }),
  });
  const uploadMs = clock.nowMs() - UPLOAD_AGE_MS;
  const position = encodeSessionPosition({ index: 0, uploadMs, attempts: 0, dueMs: 0 });
  const streams = ids.map((id) => ({ streamId: `session/${id}`, position }));
  await store.commit({ streamId: "log", position: {}, open: streams });
  scheduler.open(streams);
  const running = scheduler.run();
  return {
    observer,
    quarantine,
    sink,
    pass: async (ms: number) => {
      const endMs = clock.monotonicMs() + ms;
      while (clock.monotonicMs() < endMs) await clock.advance(5000);
    },
    end: async () => {
      stop.abort();
      await running;
    },
  };
}

Deno.test("Recordings of which all is refused leave their places to others, and are proved by them", async () => {
  const ids = ["g0", "b0", "b1", "b2", "b3", "b4", "b5", "b6", "g1", "g2"];
  for (const concurrency of [5, 1]) {
    const run = await startRun(ids, { concurrency, isRefused: (id) => id.startsWith("b") });
    await run.pass(10 * 60_000);
    assert.deepEqual(run.sink.accepted.length, 6, `${concurrency}`);
    assert.equal(run.quarantine.ids.length, 14);
    assert.equal(run.observer.finishedIds.length, ids.length);
    await run.end();
  }
});

Deno.test("A damaged recording is not given up with events that a receiver refuses as it does all others", async () => {
  let isUp = false;
  const run = await startRun(["a"], {
    fault: new Fault("protocol", "The recording is damaged"),
    isRefused: () => !isUp,
  });
  await run.pass(20 * 60_000);
  assert.deepEqual([run.observer.abandonedIds, run.quarantine.ids], [[], []]);
  isUp = true;
  await run.pass(20 * 60_000);
  assert.deepEqual(run.sink.accepted, ["a-0", "a-1"]);
  assert.deepEqual(run.observer.abandonedIds, ["session/a"]);
  await run.end();
});
