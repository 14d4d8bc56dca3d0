import assert from "node:assert/strict";
import fc from "fast-check";
import { formatRfc3339, parseRfc3339 } from "../../src/core/rfc3339.ts";

const VALID: readonly (readonly [text: string, utc: string])[] = [
  ["2021-01-01T00:00:00Z", "2021-01-01T00:00:00Z"],
  ["2021-01-01t00:00:00z", "2021-01-01T00:00:00Z"],
  ["2021-01-01 00:00:00Z", "2021-01-01T00:00:00Z"],
  ["2021-01-01T09:00:00+09:00", "2021-01-01T00:00:00Z"],
  ["2020-12-31T19:30:00-04:30", "2021-01-01T00:00:00Z"],
  ["2021-01-01T00:00:00-00:00", "2021-01-01T00:00:00Z"],
  ["2021-01-01T00:00:00.5Z", "2021-01-01T00:00:00.500Z"],
  ["2021-01-01T00:00:00.123456789Z", "2021-01-01T00:00:00.123Z"],
  ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"],
  ["1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900Z"],
  ["0050-01-01T00:00:00Z", "0050-01-01T00:00:00Z"],
  ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"],
];

for (const [text, utc] of VALID) {
  Deno.test(`parseRfc3339() reads ${text} as ${utc}`, () => {
    assert.equal(formatRfc3339(parseRfc3339(text)), utc);
  });
}

const INVALID: readonly (readonly [text: string, name: string, message: string])[] = [
  ["", "SyntaxError", '"" is not an RFC 3339 time'],
  ["yesterday", "SyntaxError", '"yesterday" is not an RFC 3339 time'],
  ["2021-01-01", "SyntaxError", '"2021-01-01" has no offset from UTC'],
  ["2021-01-01T00:00:00", "SyntaxError", '"2021-01-01T00:00:00" has no offset from UTC'],
  ["2021-01-01T00:00Z", "SyntaxError", '"2021-01-01T00:00Z" is not an RFC 3339 time'],
  ["2021-1-1T00:00:00Z", "SyntaxError", '"2021-1-1T00:00:00Z" is not an RFC 3339 time'],
  ["2021-01-01T00:00:00+0900", "SyntaxError", '"2021-01-01T00:00:00+0900" is not an RFC 3339 time'],
  ["2021-01-01T00:00:00.Z", "SyntaxError", '"2021-01-01T00:00:00.Z" is not an RFC 3339 time'],
  ["2021-02-30T00:00:00Z", "RangeError", "The date 2021-02-30 does not exist"],
  ["2023-02-29T00:00:00Z", "RangeError", "The date 2023-02-29 does not exist"],
  ["2021-13-01T00:00:00Z", "RangeError", "The date 2021-13-01 does not exist"],
  ["2021-00-10T00:00:00Z", "RangeError", "The date 2021-00-10 does not exist"],
  ["2021-01-00T00:00:00Z", "RangeError", "The date 2021-01-00 does not exist"],
  ["2021-01-01T24:00:00Z", "RangeError", "The time of day 24:00:00 does not exist"],
  ["2021-01-01T23:60:00Z", "RangeError", "The time of day 23:60:00 does not exist"],
  ["2016-12-31T23:59:60Z", "RangeError", "The time of day 23:59:60 does not exist"],
  ["2021-01-01T00:00:00+24:00", "RangeError", "The offset +24:00 does not exist"],
  ["2021-01-01T00:00:00-01:60", "RangeError", "The offset -01:60 does not exist"],
  [
    "0000-01-01T00:00:00+01:00",
    "RangeError",
    '"0000-01-01T00:00:00+01:00" lies outside of the years 0 to 9999',
  ],
];

for (const [text, name, message] of INVALID) {
  Deno.test(`parseRfc3339() throws ${name} for ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseRfc3339(text), { name, message });
  });
}

Deno.test("parseRfc3339() agrees with Date.parse() for every time and offset", () => {
  const min = new Date("0001-01-01T00:00:00Z");
  const max = new Date("9998-12-31T00:00:00Z");
  const times = fc.date({ min, max, noInvalidDate: true });
  fc.assert(
    fc.property(times, fc.integer({ min: -1439, max: 1439 }), (date, minutes) => {
      const local = new Date(date.getTime() + minutes * 60_000).toISOString().slice(0, -1);
      const [hours, rest] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
      const offset = `${minutes < 0 ? "-" : "+"}${pad(hours)}:${pad(rest)}`;
      assert.equal(parseRfc3339(local + offset), date.getTime());
    }),
  );
});

Deno.test("parseRfc3339() throws SyntaxError or RangeError for any other text", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."0123456789-:.TZ+") }));
  fc.assert(fc.property(text, (text) => {
    try {
      parseRfc3339(text);
    } catch (error) {
      assert.ok(error instanceof SyntaxError || error instanceof RangeError, String(error));
    }
  }));
});

Deno.test("formatRfc3339() throws RangeError outside of the years 0 to 9999", () => {
  assert.throws(() => formatRfc3339(8e15), RangeError);
});

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
