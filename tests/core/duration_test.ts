import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, isBareNumber, parseDuration } from "../../src/core/duration.ts";

const VALID: readonly (readonly [text: string, ms: number])[] = [
  ["0", 0],
  ["-0", 0],
  ["5s", 5_000],
  ["+5s", 5_000],
  ["-2s", -2_000],
  ["1h30m", 5_400_000],
  ["1.5h", 5_400_000],
  ["24h", 86_400_000],
  ["300ms", 300],
  [".5s", 500],
  ["1.s", 1_000],
  ["1us", 0.001],
  ["1µs", 0.001],
  ["1μs", 0.001],
  ["1ns", 0.000001],
  ["1h1m1s1ms", 3_661_001],
  ["1m1m", 120_000],
  ["5000000000", 5_000],
  ["-1000000", -1],
  ["0.0000000001s", 0],
  ["2562047h47m16.854775807s", 9223372036854.775807],
];

for (const [text, ms] of VALID) {
  Deno.test(`parseDuration() reads ${JSON.stringify(text)} as ${ms} ms`, () => {
    assert.equal(parseDuration(text), ms);
  });
}

const INVALID: readonly (readonly [text: string, error: Error])[] = [
  ["", new SyntaxError('Not a duration: ""')],
  ["-", new SyntaxError('Not a duration: "-"')],
  ["s", new SyntaxError('Not a duration: "s"')],
  [".s", new SyntaxError('Not a duration: ".s"')],
  ["1.5", new SyntaxError('Duration "1.5" lacks a unit')],
  ["1h30", new SyntaxError('Duration "1h30" lacks a unit')],
  ["7d", new SyntaxError('Unknown unit "d" in duration "7d"')],
  ["5 s", new SyntaxError('Unknown unit " s" in duration "5 s"')],
  ["5S", new SyntaxError('Unknown unit "S" in duration "5S"')],
  ["5constructor", new SyntaxError('Unknown unit "constructor" in duration "5constructor"')],
  ["--5s", new SyntaxError('Not a duration: "--5s"')],
  ["5s-3s", new SyntaxError('Unknown unit "s-" in duration "5s-3s"')],
  ["2562048h", new RangeError('Duration "2562048h" is longer than 292 years')],
  [
    "9223372036854775808",
    new RangeError('Duration "9223372036854775808" is longer than 292 years'),
  ],
];

for (const [text, error] of INVALID) {
  Deno.test(`parseDuration() throws ${error.name} for ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseDuration(text), { name: error.name, message: error.message });
  });
}

const FORMATTED: readonly (readonly [ms: number, text: string])[] = [
  [0, "0s"],
  [-0, "0s"],
  [0.000001, "1ns"],
  [0.0015, "1.5µs"],
  [1.5, "1.5ms"],
  [300, "300ms"],
  [5_000, "5s"],
  [1_500, "1.5s"],
  [60_000, "1m"],
  [90_000, "1m30s"],
  [5_400_000, "1h30m"],
  [3_600_001, "1h0.001s"],
  [86_400_000, "24h"],
  [-1_000, "-1s"],
];

for (const [ms, text] of FORMATTED) {
  Deno.test(`formatDuration() writes ${ms} ms as ${text}`, () => {
    assert.equal(formatDuration(ms), text);
  });
}

Deno.test("parseDuration() reads back what formatDuration() wrote", () => {
  fc.assert(fc.property(fc.integer({ min: -9e12, max: 9e12 }), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms === 0 ? 0 : ms);
  }));
});

Deno.test("parseDuration() reads back whole nanoseconds of a day", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 86_400_000_000_000 }), (nanoseconds) => {
    const ms = Math.trunc(nanoseconds / 1e6) + (nanoseconds % 1e6) / 1e6;
    assert.equal(parseDuration(formatDuration(ms)), ms);
    assert.equal(parseDuration(`${nanoseconds}ns`), ms);
  }));
});

Deno.test("parseDuration() throws SyntaxError or RangeError for any other text", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(..."0123456789.hmsnuµ+- ") }),
  );
  fc.assert(fc.property(text, (text) => {
    try {
      assert.ok(Number.isFinite(parseDuration(text)));
    } catch (error) {
      assert.ok(error instanceof SyntaxError || error instanceof RangeError, String(error));
    }
  }));
});

Deno.test("isBareNumber() tells numbers without a unit, except zero", () => {
  assert.deepEqual(["10", "-10", "+10", "0", "10s", "1.5", ""].map(isBareNumber), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});
