import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import {
  type BulkPosition,
  decodeBulkPosition,
  encodeBulkPosition,
  startOfBulk,
  toLogPosition,
} from "../../src/teleport/bulk_position.ts";
import { type LogPosition, startOfLog } from "../../src/teleport/log_position.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 0, 1, 10, 30);
const LOG: LogPosition = {
  startMs: START_MS,
  fromMs: START_MS + 5 * DAY_MS,
  done: [{ id: "a", timeMs: START_MS + 5 * DAY_MS + 500 }],
};

function bulk(overrides: Partial<BulkPosition> = {}): BulkPosition {
  return { date: "2026-01-06", log: LOG, idleAtMs: undefined, ...overrides };
}

Deno.test("startOfBulk() begins with the date that the log has come to, and keeps what is done there", () => {
  assert.deepEqual(startOfBulk(LOG), { date: "2026-01-06", log: LOG, idleAtMs: undefined });
});

Deno.test("startOfBulk() takes the UTC date at both ends of a day", () => {
  const dayMs = Date.UTC(2026, 1, 28);
  assert.equal(startOfBulk(startOfLog(dayMs)).date, "2026-02-28");
  assert.equal(startOfBulk(startOfLog(dayMs + DAY_MS - 1)).date, "2026-02-28");
});

Deno.test("toLogPosition() goes back to the position of the log when no later day was complete", () => {
  assert.deepEqual(toLogPosition(bulk()), LOG);
  assert.deepEqual(toLogPosition(bulk({ idleAtMs: LOG.fromMs + 1000 })), LOG);
});

Deno.test("toLogPosition() begins with the first date that is not done, where not all was ever done", () => {
  const position = toLogPosition(bulk({ date: "2026-01-09" }));
  assert.deepEqual(position, {
    startMs: START_MS,
    fromMs: Date.UTC(2026, 0, 9),
    done: [],
  });
});

Deno.test("toLogPosition() begins with the day on which all was done, or the one before within two hours of it", () => {
  const dayMs = Date.UTC(2026, 0, 20);
  for (
    const [idleAtMs, fromMs] of [
      [dayMs + 12 * HOUR_MS, dayMs],
      [dayMs + 2 * HOUR_MS, dayMs],
      [dayMs + 2 * HOUR_MS - 1, dayMs - DAY_MS],
      [dayMs, dayMs - DAY_MS],
    ] as const
  ) {
    assert.equal(toLogPosition(bulk({ date: "2026-01-18", idleAtMs })).fromMs, fromMs);
  }
});

Deno.test("toLogPosition() keeps the start of the export, and never goes before it or past the idle moment", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 400 * DAY_MS }),
      fc.option(fc.integer({ min: -DAY_MS, max: 400 * DAY_MS }), { nil: undefined }),
      (logMs, idleMs) => {
        const log = startOfLog(START_MS + logMs);
        const idleAtMs = idleMs === undefined ? undefined : START_MS + idleMs;
        const position = toLogPosition({ ...startOfBulk(log), idleAtMs });
        assert.equal(position.startMs, log.startMs);
        assert.ok(position.fromMs >= log.fromMs);
        assert.ok(position.fromMs <= Math.max(log.fromMs, idleAtMs ?? 0));
      },
    ),
  );
});

Deno.test("toLogPosition() undoes startOfBulk() when nothing was exported in between", () => {
  assert.deepEqual(toLogPosition(startOfBulk(LOG)), LOG);
});

for (const idleAtMs of [undefined, START_MS + 6 * DAY_MS + 123]) {
  Deno.test(`decodeBulkPosition() gives back what was encoded, idle ${idleAtMs === undefined ? "never" : "once"}`, () => {
    const position = bulk({ idleAtMs });
    const stored = JSON.parse(JSON.stringify(encodeBulkPosition(position)));
    assert.deepEqual(decodeBulkPosition(stored), position);
  });
}

const STORED = encodeBulkPosition(bulk());

/** Values that no version of ours wrote for a bulk export. */
const UNREADABLE: readonly [string, Position][] = [
  ["nothing in it", {}],
  ["another version", { ...STORED, version: 2 }],
  ["a date that is no date", { ...STORED, date: "yesterday" }],
  ["a date that does not exist", { ...STORED, date: "2026-01-99" }],
  ["an idle moment that is no time", { ...STORED, idleAt: "" }],
  ["a date with a time", { ...STORED, date: "2026-01-06T00:00:00Z" }],
  ["no date", { ...STORED, date: null }],
  ["no position of the log", { ...STORED, log: null }],
  ["a list for the position of the log", { ...STORED, log: [] }],
  ["a damaged position of the log", { ...STORED, log: { version: 1 } }],
];

for (const [what, stored] of UNREADABLE) {
  Deno.test(`decodeBulkPosition() refuses a value with ${what}`, () => {
    assert.throws(
      () => decodeBulkPosition(stored),
      (error) => error instanceof Fault && error.kind === "state",
    );
  });
}
