import assert from "node:assert/strict";
import fc from "fast-check";
import { formatEventTime } from "../../src/core/event.ts";

/** What Go's `time.Time.UTC().String()` prints for each. */
const GO_TIMES: readonly { readonly iso: string; readonly go: string; readonly what: string }[] = [
  {
    what: "milliseconds",
    iso: "2021-06-08T11:00:56.034Z",
    go: "2021-06-08 11:00:56.034 +0000 UTC",
  },
  {
    what: "a fraction with one zero",
    iso: "2021-06-08T11:00:56.120Z",
    go: "2021-06-08 11:00:56.12 +0000 UTC",
  },
  {
    what: "a fraction with two zeros",
    iso: "2021-06-08T11:00:56.500Z",
    go: "2021-06-08 11:00:56.5 +0000 UTC",
  },
  { what: "a whole second", iso: "2021-06-08T11:00:56.000Z", go: "2021-06-08 11:00:56 +0000 UTC" },
  {
    what: "a whole second that ends in 0",
    iso: "2021-06-08T11:00:50.000Z",
    go: "2021-06-08 11:00:50 +0000 UTC",
  },
  {
    what: "a second that ends in 0 with a fraction",
    iso: "2021-06-08T11:00:50.010Z",
    go: "2021-06-08 11:00:50.01 +0000 UTC",
  },
  { what: "a whole minute", iso: "2021-06-08T11:01:00.000Z", go: "2021-06-08 11:01:00 +0000 UTC" },
  {
    what: "a minute that ends in 0",
    iso: "2021-06-08T11:10:00.000Z",
    go: "2021-06-08 11:10:00 +0000 UTC",
  },
  { what: "a whole hour", iso: "2021-06-08T10:00:00.000Z", go: "2021-06-08 10:00:00 +0000 UTC" },
  { what: "midnight", iso: "2021-06-08T00:00:00.000Z", go: "2021-06-08 00:00:00 +0000 UTC" },
  { what: "the epoch", iso: "1970-01-01T00:00:00.000Z", go: "1970-01-01 00:00:00 +0000 UTC" },
  {
    what: "a time before 1970",
    iso: "1969-12-31T23:59:59.990Z",
    go: "1969-12-31 23:59:59.99 +0000 UTC",
  },
  {
    what: "the zero time of Go",
    iso: "0001-01-01T00:00:00.000Z",
    go: "0001-01-01 00:00:00 +0000 UTC",
  },
];

for (const { what, iso, go } of GO_TIMES) {
  Deno.test(`formatEventTime() prints ${what} as Go does`, () => {
    assert.equal(formatEventTime(Date.parse(iso)), go);
  });
}

Deno.test("formatEventTime() loses nothing of any millisecond", () => {
  const range = { min: -62_135_596_800_000, max: 253_402_300_799_999 };
  fc.assert(fc.property(fc.integer(range), (timeMs) => {
    const text = formatEventTime(timeMs);
    assert.match(text, /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{0,2}[1-9])? \+0000 UTC$/);
    assert.equal(Date.parse(text.slice(0, -10).replace(" ", "T") + "Z"), timeMs);
  }));
});

for (const timeMs of [NaN, Infinity, -Infinity, 8.64e15 + 1, -8.64e15 - 1, 9.2e21]) {
  Deno.test(`formatEventTime() does not throw for ${timeMs}, which a server may send`, () => {
    assert.equal(formatEventTime(timeMs), "unknown time");
  });
}

Deno.test("formatEventTime() prints years of more than four digits whole", () => {
  assert.equal(formatEventTime(Date.UTC(10_000, 0, 2, 3, 4, 5)), "10000-01-02 03:04:05 +0000 UTC");
});
