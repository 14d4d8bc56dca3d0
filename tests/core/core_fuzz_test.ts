import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "../../src/core/duration.ts";
import { escapeControls } from "../../src/core/escape_controls.ts";
import { formatEventTime } from "../../src/core/event.ts";
import { formatError } from "../../src/core/fault.ts";
import { quotePeer } from "../../src/core/quote_peer.ts";
import { formatRfc3339, parseRfc3339 } from "../../src/core/rfc3339.ts";
import { decodeSessionPosition, encodeSessionPosition } from "../../src/core/session_position.ts";
import { fuzzTest, textOf } from "../support/fuzz.ts";

const MAX_DURATION_MS = 293 * 365.25 * 86_400_000;

fuzzTest("parseDuration() reads a text as a duration of at most 292 years or says what is wrong", {
  arbitrary: textOf("1", "-", "+", ".", "h", "m", "s", "ms", "us", "µs", "ns", "0", "9999999999"),
  allowed: [SyntaxError, RangeError],
  check(text) {
    const ms = parseDuration(text);
    assert.ok(Math.abs(ms) < MAX_DURATION_MS, `${ms}`);
    assert.ok(Math.abs(parseDuration(formatDuration(ms)) - ms) <= Math.abs(ms) * 1e-9);
  },
});

fuzzTest("parseRfc3339() reads a text as a time of four-digit years or says what is wrong", {
  arbitrary: fc.oneof(
    textOf("2021-01-01", "T", "t", " ", "00:00:00", "Z", "z", ".5", "+01:00", "-23:59", ":", "-"),
    fc.tuple(fc.integer({ min: -99, max: 99_999 }), fc.nat(99), fc.nat(99), fc.nat(99), fc.nat(99))
      .map(([year, month, day, hour, offset]) =>
        [year, month, day].map((n) => String(n).padStart(2, "0")).join("-") +
        `T${String(hour).padStart(2, "0")}:00:60.${offset}-${offset}:00`
      ),
  ),
  allowed: [SyntaxError, RangeError],
  check(text) {
    const ms = parseRfc3339(text);
    assert.equal(parseRfc3339(formatRfc3339(ms)), ms);
  },
});

fuzzTest("escapeControls() leaves nothing that moves a cursor, and changes nothing a second time", {
  arbitrary: textOf(
    "\x1b[2J",
    "\x9b",
    "\r\n",
    "\u202e",
    "\u2066",
    "\u2028",
    "\ud800",
    "\\u001b",
    "ü",
  ),
  check(text) {
    const escaped = escapeControls(text);
    assert.doesNotMatch(escaped, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    assert.equal(escapeControls(escaped), escaped);
    assert.equal(JSON.parse(escapeControls(JSON.stringify(text))), text);
  },
});

fuzzTest("quotePeer() gives one line of at most 300 characters without controls", {
  arbitrary: textOf("\x1b[2J", "\r\n", "x".repeat(299), "🗝".repeat(300), "\0", " ".repeat(3000)),
  check(text) {
    const quoted = quotePeer(text);
    assert.ok(quoted.length <= 300 && quoted.isWellFormed());
    assert.doesNotMatch(quoted, /\p{Cc}|^\s|\s$/u);
  },
});

fuzzTest("formatError() describes whatever was thrown in one line that is not blank", {
  arbitrary: fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true }),
  check(thrown) {
    for (const error of [thrown, new Error("a\nb", { cause: thrown })]) {
      const text = formatError(error);
      assert.ok(text.trim() !== "" && !text.includes("\n"), JSON.stringify(text));
    }
  },
});

fuzzTest("formatEventTime() prints every number that a server may send as a time", {
  arbitrary: fc.oneof(fc.double(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }).map(Number)),
  check: (ms) => assert.notEqual(formatEventTime(ms), ""),
});

fuzzTest("decodeSessionPosition() reads any stored value as a position that can be stored", {
  arbitrary: fc.dictionary(
    fc.constantFrom("version", "index", "uploadMs", "attempts", "dueMs", "x"),
    fc.jsonValue(),
  ),
  check(stored) {
    const position = decodeSessionPosition(stored as never);
    assert.ok(position.index >= 0);
    assert.deepEqual(decodeSessionPosition(encodeSessionPosition(position)), position);
  },
});
