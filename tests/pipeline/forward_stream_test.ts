import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { type ForwardOptions, forwardStream } from "../../src/pipeline/forward_stream.ts";
import { superviseStream } from "../../src/pipeline/supervise_stream.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Gate } from "../support/gate.ts";
import {
  CountingStream,
  makeEvents,
  MemoryQuarantine,
  RecordingObserver,
  RecordingStore,
  ScriptedSink,
} from "../support/pipeline_ports.ts";

function makeOptions(overrides: Partial<ForwardOptions> = {}) {
  const store = new RecordingStore();
  const observer = new RecordingObserver();
  const clock = new FakeClock();
  const sink = new ScriptedSink();
  const options: ForwardOptions = {
    stream: new CountingStream({ count: 100, pageSize: 7 }),
    position: { at: 0 },
    filter: () => true,
    sink,
    store,
    quarantine: new MemoryQuarantine(),
    observer,
    clock,
    maxBytes: 1_000_000,
    stop: new AbortController().signal,
    abort: new AbortController().signal,
    ...overrides,
  };
  return { options, store, observer, clock, sink };
}

Deno.test("forwardStream() delivers a stream in order and commits its end", async () => {
  const { options, store, sink, observer } = makeOptions();
  await forwardStream(options);
  assert.deepEqual(sink.accepted, makeEvents(100).map((event) => event.id));
  assert.equal(store.at, 100);
  assert.equal(observer.caughtUpCount, 1);
});

Deno.test("forwardStream() never commits past an event that is not delivered, and never moves back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 40 }),
      async (count, pageSize, maxEvents) => {
        const sink = new ScriptedSink(() => ({ kind: "delivered" }), { maxEvents });
        const { options, store } = makeOptions({
          sink,
          stream: new CountingStream({ count, pageSize }),
        });
        let before = 0;
        store.onCommit = ({ position }) => {
          const at = Number(position["at"]);
          assert.ok(at <= sink.accepted.length && at > before);
          before = at;
        };
        await forwardStream(options);
        assert.equal(store.at, count);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("forwardStream() has one request of a stream under way at a time, so that order holds", async () => {
  const sink = new ScriptedSink(async () => {
    await Promise.resolve();
    return { kind: "delivered" };
  }, { maxEvents: 3 });
  await forwardStream(makeOptions({ sink }).options);
  assert.equal(sink.mostInFlight, 1);
});

Deno.test("forwardStream() reads the next page while a request is under way", async () => {
  const gate = new Gate();
  const stream = new CountingStream({ count: 20, pageSize: 10 });
  let pages = 0;
  const counting = {
    id: "test",
    async *read(...args: Parameters<CountingStream["read"]>) {
      for await (const page of stream.read(...args)) {
        pages++;
        yield page;
      }
    },
  };
  const sink = new ScriptedSink(async () => {
    await gate.pass();
    return { kind: "delivered" };
  });
  const forwarding = forwardStream(makeOptions({ sink, stream: counting }).options);
  await gate.reached;
  while (pages < 2) await Promise.resolve();
  gate.open();
  await forwarding;
  assert.equal(sink.accepted.length, 20);
});

Deno.test("forwardStream() sends the next request while a position is being committed", async () => {
  const { options, store, sink } = makeOptions({
    stream: new CountingStream({ count: 20, pageSize: 10 }),
  });
  const gate = new Gate();
  const commit = store.commit.bind(store);
  store.commit = async (request) => {
    if (store.commits.length === 0) await gate.pass();
    await commit(request);
  };
  const limited = new ScriptedSink(() => ({ kind: "delivered" }), { maxEvents: 10 });
  const forwarding = forwardStream({ ...options, sink: limited });
  await gate.reached;
  while (limited.accepted.length < 20) await Promise.resolve();
  gate.open();
  await forwarding;
  assert.equal(store.at, 20);
  assert.equal(sink.accepted.length, 0);
});

Deno.test("forwardStream() delivers and commits what was read before it throws the stream's fault", async () => {
  const fault = new Fault("unavailable", "Cannot read");
  const stream = new CountingStream({ count: 100, pageSize: 10, failAt: [{ at: 30, fault }] });
  const { options, store, sink } = makeOptions({ stream });
  await assert.rejects(forwardStream(options), (error) => error === fault);
  assert.equal(sink.accepted.length, 30);
  assert.equal(store.at, 30);
});

Deno.test("forwardStream() finishes the request under way when it is stopped, commits, and returns", async () => {
  const stop = new AbortController();
  const sink = new ScriptedSink(() => {
    stop.abort();
    return { kind: "delivered" };
  }, { maxEvents: 10 });
  const { options, store } = makeOptions({ sink, stop: stop.signal });
  await forwardStream(options);
  assert.equal(store.at, sink.accepted.length);
  assert.ok(sink.accepted.length > 0 && sink.accepted.length < 100);
});

Deno.test("forwardStream() ends a pause at once when it is stopped", async () => {
  const stop = new AbortController();
  const sink = new ScriptedSink(() => ({ kind: "retry", reason: "HTTP 503" }));
  const { options, clock, store } = makeOptions({ sink, stop: stop.signal });
  const forwarding = forwardStream(options);
  await clock.waitForSleepers();
  stop.abort();
  await forwarding;
  assert.deepEqual(store.commits, []);
});

Deno.test("forwardStream() holds on while a position cannot be committed, and repeats nothing", async () => {
  const { options, store, clock, sink, observer } = makeOptions();
  store.failures = 3;
  const forwarding = forwardStream(options);
  for (let i = 0; i < 3; i++) {
    await clock.waitForSleepers();
    await clock.advance(clock.nextWakeMs!);
  }
  await forwarding;
  assert.equal(store.at, 100);
  assert.equal(sink.accepted.length, 100);
  assert.deepEqual(observer.recoveries, [{ peer: "state", attempts: 3 }]);
});

Deno.test("forwardStream() counts filtered events and moves past them", async () => {
  const { options, store, observer, sink } = makeOptions({
    filter: (event) => !event.id.endsWith("3"),
  });
  await forwardStream(options);
  assert.equal(observer.filteredCount, 10);
  assert.equal(sink.accepted.length, 90);
  assert.equal(store.at, 100);
});

Deno.test("superviseStream() goes on from the committed position after a fault that passes", async () => {
  const fault = new Fault("unavailable", "Connection was lost");
  const stream = new CountingStream({
    count: 50,
    pageSize: 10,
    failAt: [{ at: 0, fault }, { at: 0, fault }, { at: 20, fault }],
  });
  const { options, clock, sink, observer } = makeOptions({ stream });
  const supervising = superviseStream({ ...options, firstPosition: { at: 0 } });
  for (let i = 0; i < 3; i++) {
    await clock.waitForSleepers();
    await clock.advance(clock.nextWakeMs!);
  }
  await supervising;
  assert.deepEqual(stream.starts, [0, 0, 0, 20]);
  assert.deepEqual(sink.accepted, makeEvents(50).map((event) => event.id));
  assert.deepEqual(observer.recoveries, [{ peer: "source", attempts: 2 }, {
    peer: "source",
    attempts: 1,
  }]);
});

Deno.test("superviseStream() throws a fault that waiting cannot heal", async () => {
  const fault = new Fault("credentials", "Certificate expired");
  const { options } = makeOptions({
    stream: new CountingStream({ count: 5, pageSize: 5, failAt: [{ at: 0, fault }] }),
  });
  await assert.rejects(
    superviseStream({ ...options, firstPosition: { at: 0 } }),
    (error) => error === fault,
  );
});

Deno.test("superviseStream() commits the first position before anything is read", async () => {
  const { options, store } = makeOptions();
  await superviseStream({ ...options, firstPosition: { at: 40 } });
  assert.deepEqual(store.commits[0], { streamId: "test", position: { at: 40 } });
});

Deno.test("forwardStream() that halts commits what lies before the refused event, with what it causes, and nothing more", async () => {
  const opened: string[] = [];
  const sink = new ScriptedSink((events) =>
    events.some(({ id }) => id === "e33")
      ? { kind: "rejected", reason: "HTTP 400" }
      : { kind: "delivered" }
  );
  const { options, store } = makeOptions({
    sink,
    haltOnRejected: true,
    findOpened: (events) =>
      events.filter(({ id }) => id.endsWith("2")).map(({ id }) => ({
        streamId: `session/${id}`,
        position: {},
      })),
    onOpened: (streams) => opened.push(...streams.map(({ streamId }) => streamId)),
  });
  await assert.rejects(forwardStream(options), (error: Fault) => error.kind === "rejected");
  assert.equal(store.at, 33);
  assert.deepEqual(sink.accepted, makeEvents(33).map(({ id }) => id));
  assert.deepEqual(opened, ["session/e2", "session/e12", "session/e22", "session/e32"]);
});

/** The streams that a request causes: one for each event. */
function openEach(events: readonly { readonly id: string }[]) {
  return events.map(({ id }) => ({ streamId: `session/${id}`, position: {} }));
}

Deno.test("forwardStream() that halts behind a later request commits all before the event, with what each of them causes", async () => {
  const opened: string[] = [];
  let failures = 0;
  // e2 fails until e3 of the next request is taken; e4 is refused for good.
  const sink = new ScriptedSink((events) => {
    if (events.some(({ id }) => id === "e4")) return { kind: "rejected", reason: "HTTP 400" };
    const isFailing = events.some(({ id }) => id === "e2") && failures < 10;
    if (!isFailing) return { kind: "delivered" };
    failures++;
    return { kind: "retry", reason: "HTTP 500", suspect: true };
  }, { maxEvents: 3 });
  const { options, store, clock } = makeOptions({
    sink,
    haltOnRejected: true,
    stream: new CountingStream({ count: 6, pageSize: 6 }),
    findOpened: openEach,
    onOpened: (streams) => opened.push(...streams.map(({ streamId }) => streamId)),
  });
  let isOver = false;
  const forwarding = assert.rejects(
    forwardStream(options),
    (error: Fault) => error.kind === "rejected",
  ).finally(() => isOver = true);
  while (!isOver) await clock.advance(clock.nextWakeMs ?? 0);
  await forwarding;
  const count = store.at ?? 0;
  assert.ok(count >= 2, `${count}`);
  assert.deepEqual(opened, makeEvents(count).map(({ id }) => `session/${id}`));
  assert.ok(makeEvents(count).every(({ id }) => sink.accepted.includes(id)));
});

Deno.test("forwardStream() leaves a refused event to the next reading when this one is broken off, and commits those before it", async () => {
  const fault = new Fault("unavailable", "Connection was lost");
  const quarantine = new MemoryQuarantine();
  const sink = new ScriptedSink((events) =>
    events.some(({ id }) => id === "e9")
      ? { kind: "rejected", reason: "HTTP 400" }
      : { kind: "delivered" }
  );
  const { options, store } = makeOptions({
    sink,
    quarantine,
    stream: new CountingStream({ count: 20, pageSize: 10, failAt: [{ at: 10, fault }] }),
  });
  await assert.rejects(forwardStream(options), fault);
  assert.equal(store.at, 9);
  assert.deepEqual(quarantine.ids, []);
});

Deno.test("forwardStream() leaves the end of a stream to who asks for it, with what the last request opens", async () => {
  const told: string[] = [];
  // The end of the stream is known before the last request is answered, as over a network.
  const sink = new ScriptedSink(async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
    return { kind: "delivered" };
  }, { maxEvents: 2 });
  const { options, store } = makeOptions({
    sink,
    stream: new CountingStream({ count: 5, pageSize: 5 }),
    leavesEnd: true,
    findOpened: openEach,
    onOpened: (streams) => told.push(...streams.map(({ streamId }) => streamId)),
  });
  const end = await forwardStream(options);
  assert.deepEqual(store.commits.map(({ position }) => position), [{ at: 2 }, { at: 4 }]);
  assert.deepEqual(end!.open, openEach(makeEvents(1, 4)));
  assert.equal(told.length, 4);
  end!.stored();
  assert.equal(told.at(-1), "session/e4");
  assert.equal(sink.accepted.length, 5);
});

Deno.test("forwardStream() that is stopped or fails commits its last position, and leaves no end", async () => {
  const stop = new AbortController();
  const gate = new Gate();
  const stopped = makeOptions({
    sink: new ScriptedSink(async () => {
      await gate.pass();
      return { kind: "delivered" };
    }),
    stream: new CountingStream({ count: 20, pageSize: 10 }),
    leavesEnd: true,
    stop: stop.signal,
  });
  const forwarding = forwardStream(stopped.options);
  await gate.reached;
  stop.abort();
  gate.open();
  assert.equal(await forwarding, undefined);
  assert.equal(stopped.store.at, 10);
  const fault = new Fault("unavailable", "Cut off");
  const failed = makeOptions({
    stream: new CountingStream({ count: 20, pageSize: 10, failAt: [{ at: 10, fault }] }),
    leavesEnd: true,
  });
  await assert.rejects(forwardStream(failed.options), fault);
  assert.equal(failed.store.at, 10);
});
