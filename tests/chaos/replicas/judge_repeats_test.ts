import assert from "node:assert/strict";
import { canonicalJson, type KnownEvent } from "../known_event.ts";
import { judgeRepeats, type RepeatEvidence } from "./judge_repeats.ts";

const EVENTS = Array.from({ length: 20 }, (_, place): KnownEvent => {
  const fields = { uid: `e${place}` };
  return {
    key: canonicalJson(fields),
    id: fields.uid,
    type: "exec",
    timeMs: place,
    stream: place < 10 ? "a" : "b",
    place,
    bytes: 12,
    isLate: false,
  };
});

/** What is known when these arrived, by their places, with two events in a request. */
function evidence(places: readonly number[], takeovers: Record<string, number> = {}) {
  return {
    arrivals: places.map((place) => ({ path: "/log", fields: { uid: `e${place}` } })),
    wanted: EVENTS,
    logPath: "/log",
    streamAt: (path) => path.startsWith("/session.") ? path.slice(1) : undefined,
    takeoversOf: (stream) => takeovers[stream] ?? 0,
    pauses: 0,
    batchEvents: 2,
  } satisfies RepeatEvidence;
}

const ALL = EVENTS.map(({ place }) => place);

Deno.test("judgeRepeats() takes five requests of a stream for each time that it was taken over", () => {
  const ten = [...ALL, ...ALL.slice(0, 10)];
  assert.deepEqual(judgeRepeats(evidence(ALL)), []);
  assert.deepEqual(judgeRepeats(evidence(ten, { a: 1 })), []);
  assert.match(judgeRepeats(evidence([...ten, 3], { a: 1 }))[0]!, /^11 events of 'a'.*at most 10/);
  assert.deepEqual(judgeRepeats(evidence([...ten, 3], { a: 2 })), []);
});

Deno.test("judgeRepeats() excuses nothing of one stream by what befell another, or a pause by much", () => {
  assert.match(
    judgeRepeats(evidence([...ALL, 11], { a: 9 }))[0]!,
    /'b' were repeated, and at most 0/,
  );
  const repeated = { ...evidence([...ALL, 1, 2]), pauses: 1 };
  assert.deepEqual(judgeRepeats(repeated), []);
  assert.equal(judgeRepeats({ ...evidence([...ALL, 1, 2, 3]), pauses: 1 }).length, 1);
});

Deno.test("judgeRepeats() counts recordings by themselves", () => {
  const arrival = { path: "/session.x", fields: { ei: 1 } };
  const arrivals = [arrival, arrival];
  assert.match(judgeRepeats({ ...evidence([]), arrivals })[0]!, /1 events of 'session.x'/);
});
