import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import {
  afterEvents,
  afterWindow,
  createDoneCheck,
  decodeLogPosition,
  type DoneEvent,
  encodeLogPosition,
  type LogPosition,
  startOfLog,
} from "../../src/teleport/log_position.ts";

const START = Date.UTC(2026, 0, 1);

const ANY_TIME = { limitMs: Infinity, untilMs: START + 3_600_000 };

function event(id: string, timeMs: number): DoneEvent {
  return { id, timeMs: START + timeMs };
}

Deno.test("afterEvents() moves to the second of the last event and remembers that second's events", () => {
  const position = afterEvents(
    startOfLog(START),
    [event("a", 900), event("b", 1000), event("c", 1999)],
    ANY_TIME,
  );
  assert.deepEqual(position, {
    startMs: START,
    fromMs: START + 1000,
    done: [event("b", 1000), event("c", 1999)],
  });
});

Deno.test("afterEvents() never moves back for an event that is older than the others", () => {
  const position = afterEvents(startOfLog(START), [event("a", 5000), event("b", 3000)], ANY_TIME);
  assert.equal(position.fromMs, START + 5000);
});

Deno.test("afterEvents() does not move past its limit for an event whose clock runs ahead", () => {
  const position = afterEvents(
    startOfLog(START),
    [event("now", 10_000), event("ahead", 3_600_000)],
    { limitMs: START + 10_500, untilMs: START + 10_500 },
  );
  assert.equal(position.fromMs, START + 10_000);
  assert.deepEqual(position.done, [event("now", 10_000), event("ahead", 3_600_000)]);
});

Deno.test("afterEvents() trusts the events' times when a slow clock of ours makes too many to keep", () => {
  const events = Array.from({ length: 3000 }, (_, i) => event(crypto.randomUUID(), i * 1000));
  const position = afterEvents(startOfLog(START), events, { limitMs: START, untilMs: START });
  assert.ok(position.fromMs > START + 1_000_000);
  assert.ok(position.done.length < 1100);
  assert.ok(position.done.every((done) => done.timeMs >= position.fromMs));
});

Deno.test("afterEvents() keeps an event without a time until all that it may lie before was read", () => {
  const range = { limitMs: START + 60_000, untilMs: START + 60_000 };
  const position = afterEvents(
    startOfLog(START),
    [event("a", 5000), { id: "timeless", timeMs: 0 }],
    range,
  );
  assert.equal(position.fromMs, START + 5000);
  assert.ok(afterWindow(position, START + 60_000).done.some((done) => done.id === "timeless"));
  assert.deepEqual(afterWindow(position, START + 61_000).done, []);
});

Deno.test("afterWindow() moves to the window's end and keeps what lies on it", () => {
  const before = afterEvents(startOfLog(START), [event("a", 500), event("b", 60_000)], ANY_TIME);
  assert.deepEqual(afterWindow(before, START + 60_000).done, [event("b", 60_000)]);
  assert.deepEqual(afterWindow(before, START + 61_000).done, []);
});

Deno.test("createDoneCheck() recognises each event as often as it was done", () => {
  const isDone = createDoneCheck({
    startMs: START,
    fromMs: START,
    done: [event("same", 1), event("same", 1), event("", 2)],
  });
  assert.deepEqual(
    [event("same", 1), event("", 2), event("other", 2), event("same", 1), event("same", 1)]
      .map(isDone),
    [true, true, false, true, false],
  );
});

Deno.test("decodeLogPosition() returns what encodeLogPosition() was given", () => {
  const ms = fc.integer({ min: 0, max: 4_000_000_000 }).map((second) => second * 1000);
  const position: fc.Arbitrary<LogPosition> = fc.record({
    startMs: ms,
    fromMs: ms,
    done: fc.array(
      fc.record({ id: fc.string({ unit: "grapheme" }), timeMs: ms }, { noNullPrototype: true }),
    ),
  }, { noNullPrototype: true });
  fc.assert(fc.property(position, (position) => {
    const stored = JSON.parse(JSON.stringify(encodeLogPosition(position)));
    assert.deepEqual(decodeLogPosition(stored), position);
  }));
});

Deno.test("encodeLogPosition() stays below the largest value of the store", () => {
  const done = Array.from({ length: 5000 }, () => event(crypto.randomUUID(), 0));
  const stored = encodeLogPosition({ startMs: START, fromMs: START, done });
  assert.ok(JSON.stringify(stored).length < 60 * 1024);
  assert.deepEqual(decodeLogPosition(stored).done.at(-1), done.at(-1));
});

for (
  const [name, stored] of [
    ["another version", {
      version: 2,
      startTime: "2026-01-01T00:00:00Z",
      from: "2026-01-01T00:00:00Z",
      done: [],
    }],
    ["no start time", { version: 1, from: "2026-01-01T00:00:00Z", done: [] }],
    ["a time beyond all calendars", {
      version: 1,
      startTime: "2026-01-01T00:00:00Z",
      from: "+275760-09-13T00:00:00Z",
      done: [],
    }],
    ["a time that is none", {
      version: 1,
      startTime: "yesterday",
      from: "2026-01-01T00:00:00Z",
      done: [],
    }],
    ["done events that are none", {
      version: 1,
      startTime: "2026-01-01T00:00:00Z",
      from: "2026-01-01T00:00:00Z",
      done: [1],
    }],
    ["nothing", {}],
  ] as const
) {
  Deno.test(`decodeLogPosition() throws a state fault for a value with ${name}`, () => {
    assert.throws(
      () => decodeLogPosition(stored),
      (error) => error instanceof Fault && error.kind === "state",
    );
  });
}
