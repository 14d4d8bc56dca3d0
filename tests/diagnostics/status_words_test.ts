import assert from "node:assert/strict";
import {
  formatAgo,
  formatCount,
  formatDay,
  formatNumberOf,
  formatSpan,
  formatTime,
} from "../../src/diagnostics/status_words.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

for (
  const [ms, text] of [
    [-5, "0 s"],
    [0, "0 s"],
    [59_999, "59 s"],
    [MINUTE_MS, "1 min"],
    [HOUR_MS - 1, "59 min"],
    [HOUR_MS, "1 h"],
    [3 * HOUR_MS + 20 * MINUTE_MS, "3 h 20 min"],
    [2 * DAY_MS - 1, "47 h 59 min"],
    [2 * DAY_MS, "2 days"],
    [1234 * DAY_MS, "1,234 days"],
  ] as const
) {
  Deno.test(`formatSpan() writes ${ms} ms as '${text}'`, () => assert.equal(formatSpan(ms), text));
}

for (
  const [count, text] of [[0, "0"], [999, "999"], [1000, "1,000"], [1234567, "1,234,567"]] as const
) {
  Deno.test(`formatCount() writes ${count} as '${text}'`, () =>
    assert.equal(formatCount(count), text));
}

Deno.test("formatNumberOf() knows one from many", () => {
  const texts = [0, 1, 1000].map((count) => formatNumberOf(count, "event"));
  assert.deepEqual(texts, ["0 events", "1 event", "1,000 events"]);
});

Deno.test("formatAgo() says 'just now' of the last second, and of what the clock puts ahead", () => {
  assert.deepEqual([9000, 10_500, 99_000].map((atMs) => formatAgo(atMs, 10_000)), [
    "1 s ago",
    "just now",
    "just now",
  ]);
});

Deno.test("formatTime() and formatDay() write UTC for people and for machines, and no nonsense", () => {
  const ms = Date.parse("2026-03-14T15:09:26.535Z");
  assert.equal(
    formatTime(ms).text,
    `<time datetime="2026-03-14T15:09:26.535Z"><span>2026-03-14</span> <span>15:09:26 UTC</span></time>`,
  );
  assert.match(formatDay(ms).text, /><span>2026-03-14<\/span></);
  assert.equal(formatTime(NaN).text, "unknown time");
  assert.equal(formatDay(9e15).text, "unknown day");
});
