import assert from "node:assert/strict";
import { ServerTime } from "../../src/diagnostics/server_time.ts";

const NOON = Date.UTC(2026, 0, 1, 12);
const HOUR_MS = 3_600_000;
const POLL_MS = 5000;

/** A moment after the beginning, on a wall clock that is wrong by `wrongMs`. */
function after(monotonicMs: number, wrongMs = 0) {
  return { monotonicMs, nowMs: NOON + monotonicMs + wrongMs };
}

Deno.test("ServerTime believes our clock until events are known", () => {
  assert.equal(new ServerTime({ pollMs: POLL_MS }).at(after(0)), NOON);
});

Deno.test("ServerTime does not take the time of an old event for the present", () => {
  const time = new ServerTime({ pollMs: POLL_MS });
  time.saw(NOON - 10 * HOUR_MS, after(0));
  assert.equal(time.at(after(1000)), NOON + 1000);
  assert.equal(time.endAt(after(1000)), NOON + 1000);
});

Deno.test("ServerTime is ahead of our clock when an event is", () => {
  const time = new ServerTime({ pollMs: POLL_MS });
  time.saw(NOON, after(0, -HOUR_MS));
  assert.equal(time.at(after(1000, -HOUR_MS)), NOON + 1000);
});

Deno.test("ServerTime is behind our clock when events are that were not there a moment ago", () => {
  const time = new ServerTime({ pollMs: POLL_MS });
  time.sawEnd(undefined, after(0, HOUR_MS));
  time.sawEnd(NOON + 3000, after(5000, HOUR_MS));
  assert.equal(time.at(after(5000, HOUR_MS)), NOON + 3000);
  time.sawEnd(NOON + 9900, after(10_000, HOUR_MS));
  assert.equal(time.at(after(20_000, HOUR_MS)), NOON + 19_900);
});

Deno.test("ServerTime does not doubt our clock for an event that comes late, or after a long time", () => {
  const time = new ServerTime({ pollMs: POLL_MS });
  time.sawEnd(undefined, after(0));
  time.sawEnd(NOON + 4900, after(5000));
  time.sawEnd(NOON - HOUR_MS, after(10_000));
  assert.equal(time.at(after(10_000)), NOON + 10_000);
  time.sawEnd(NOON + 20_000, after(HOUR_MS));
  assert.equal(time.at(after(HOUR_MS)), NOON + HOUR_MS);
});

Deno.test("ServerTime ignores events of a far future, and those without a time", () => {
  const time = new ServerTime({ pollMs: POLL_MS });
  time.sawEnd(undefined, after(0));
  time.sawEnd(NOON + 3 * HOUR_MS, after(1000));
  time.sawEnd(0, after(2000));
  assert.equal(time.at(after(2000)), NOON + 2000);
});

Deno.test("ServerTime forgets a server's clock that was ahead once newer events say otherwise", () => {
  const time = new ServerTime({ pollMs: POLL_MS });
  time.sawEnd(undefined, after(0));
  time.sawEnd(NOON + HOUR_MS, after(1000));
  assert.equal(time.at(after(2000)), NOON + HOUR_MS + 1000);
  for (let ms = 5000; ms <= 25 * 60_000; ms += POLL_MS) time.sawEnd(NOON + ms, after(ms));
  assert.equal(time.at(after(25 * 60_000)), NOON + 25 * 60_000);
});

Deno.test("ServerTime.endAt() is the newest event and the time since, whatever our clock says", () => {
  for (const wrongMs of [-HOUR_MS, 0, HOUR_MS]) {
    const time = new ServerTime({ pollMs: POLL_MS });
    time.sawNewest(NOON - 1000, after(0, wrongMs));
    assert.equal(time.endAt(after(10_000, wrongMs)), NOON + 9000);
  }
});
