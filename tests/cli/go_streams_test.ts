import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodePending,
  fromStreams,
  GO_PENDING,
  toPendingStream,
  toStreams,
} from "../../src/cli/go_streams.ts";
import type { Position } from "../../src/core/position.ts";
import { addDays } from "../../src/core/utc_date.ts";
import type { StreamPosition } from "../../src/pipeline/ports.ts";
import type { GoDate, GoState } from "../../src/state/go_layout/go_state.ts";
import { drawSeed } from "../support/seed.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 5, 1);
const START_MS = Date.UTC(2026, 0, 31);
const SID = "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc";
const NOTHING: GoState = {
  startMs: undefined,
  windowMs: undefined,
  cursor: "",
  id: "",
  sessions: new Map(),
  dates: new Map(),
};
const OPTIONS = { folder: "/go", nowMs: NOW_MS, startMs: undefined };

function toMap(streams: readonly StreamPosition[]): Map<string, Position> {
  return new Map(streams.map(({ position, streamId }) => [streamId, position]));
}

function giveBack(state: GoState): GoState {
  const positions = toMap(toStreams(state, OPTIONS));
  return fromStreams(positions, decodePending(positions.get(GO_PENDING)!).marks);
}

/** Maps are compared by what they hold, in any order. */
function plain(state: GoState) {
  const dates = [...state.dates].map(([date, { completed, cursors }]) =>
    [date, completed.toSorted(), [...cursors].sort()] as const
  );
  const sessions = [...state.sessions].map(([id, session]) => [id, { ...session }]);
  return { ...state, sessions, dates };
}

const sessions = fc.dictionary(
  fc.uuid(),
  fc.record({ index: fc.nat(), uploadMs: fc.nat(), attempts: fc.nat({ max: 100 }) }),
  { maxKeys: 4 },
).map((all) => new Map(Object.entries(all)));
const dates = fc.array(
  fc.uniqueArray(fc.tuple(fc.stringMatching(/^[\w.-]{1,20}$/), fc.string({ minLength: 1 })), {
    selector: ([name]) => name,
    maxLength: 6,
  }),
  { maxLength: 5 },
).map((all) =>
  new Map<string, GoDate>(all.map((chunks, day) => [addDays("2026-02-05", day), {
    completed: chunks.slice(3).map(([name]) => name),
    cursors: new Map(chunks.slice(0, 3)),
  }]))
);
const states: fc.Arbitrary<GoState> = fc.record({
  startMs: fc.constantFrom(START_MS, START_MS + 3000),
  windowMs: fc.option(fc.constant(START_MS + DAY_MS), { nil: undefined }),
  cursor: fc.string(),
  id: fc.oneof(fc.constant(""), fc.uuid()),
  sessions,
  dates,
});

Deno.test("fromStreams() gives back any state of the Go handler that toStreams() took, but for empty last dates", () => {
  fc.assert(
    fc.property(states, (state) => {
      const isLastEmpty = [...state.dates.values()].at(-1)?.completed.length === 0 &&
        [...state.dates.values()].at(-1)?.cursors.size === 0;
      fc.pre(!isLastEmpty || state.dates.size === 1);
      assert.deepEqual(plain(giveBack(state)), plain(state));
    }),
    { numRuns: 100, seed: drawSeed() },
  );
});

Deno.test("toStreams() notes dates that the Go handler was done with before others", () => {
  const none = { completed: [], cursors: new Map() };
  const known = ["2026-02-01", "2026-02-04", "2026-02-05"];
  const state = {
    ...NOTHING,
    startMs: START_MS,
    dates: new Map(known.map((date) => [date, none])),
  };
  const positions = toMap(toStreams(state, OPTIONS));
  assert.equal(positions.get("bulk")?.["date"], "2026-02-01");
  assert.deepEqual(decodePending(positions.get(GO_PENDING)!).doneDates, [
    "2026-02-02",
    "2026-02-03",
  ]);
});

Deno.test("toStreams() leaves out dates before the start, as the Go handler does", () => {
  const dates = new Map([["2026-01-02", { completed: ["a"], cursors: new Map() }]]);
  const positions = toMap(toStreams({ ...NOTHING, startMs: START_MS, dates }, OPTIONS));
  assert.equal(positions.get("bulk")?.["date"], "2026-01-31");
  assert.deepEqual([...positions.keys()].filter((id) => id.startsWith("done/")), []);
});

Deno.test("toStreams() refuses to guess where nothing says how far the Go handler got", () => {
  const state = {
    ...NOTHING,
    sessions: new Map([[SID, { index: 1, uploadMs: 0, attempts: 0 }]]),
  };
  assert.throws(() => toStreams(state, OPTIONS), /Nothing in '\/go' says how far/);
  const streams = toStreams(state, { ...OPTIONS, startMs: START_MS });
  assert.equal(decodePending(streams.at(-1)!.position).marks.startMs, START_MS);
  // An id alone can be looked for.
  assert.equal(toStreams({ ...state, id: "a" }, OPTIONS).length, 2);
});

Deno.test("fromStreams() names the date of the start alone while that is not done, unless it starts at midnight", () => {
  for (
    const [startMs, expected] of [
      [START_MS, ["2026-01-31", "2026-02-01"]],
      [START_MS + 1000, ["2026-01-31"]],
    ] as const
  ) {
    const dates = new Map(
      ["2026-01-31", "2026-02-01"].map((date) => [date, {
        completed: ["a"],
        cursors: new Map<string, string>(),
      }]),
    );
    assert.deepEqual([...giveBack({ ...NOTHING, startMs, dates }).dates.keys()], expected);
  }
});

Deno.test("decodePending() refuses what is none", () => {
  const whole = toPendingStream({
    mode: "paged",
    marks: { startMs: 0, windowMs: undefined, cursor: "", id: "" },
    doneDates: [],
  }).position;
  assert.equal(decodePending(whole).mode, "paged");
  for (const part of [{ version: 2 }, { startTime: "x" }, { id: 1 }, { doneDates: [1] }]) {
    assert.throws(() => decodePending({ ...whole, ...part }), /cannot be read/);
  }
});
