import assert from "node:assert/strict";
import fc from "fast-check";
import { isSessionId } from "../../src/core/session_id.ts";

const GOOD = [
  "8f1c3a52-6f0e-4a3b-9d0e-0123456789ab",
  "8F1C3A52-6F0E-4A3B-9D0E-0123456789AB",
  "a",
  "0",
  "session_1",
  "x".repeat(128),
];

const BAD = [
  "",
  ".",
  "..",
  "a.",
  "a..b",
  "a/b",
  "/a",
  "a\\b",
  "%2e%2e",
  "a%2fb",
  "a?b",
  "a#b",
  "a&b",
  "a=b",
  "a:b",
  "a@b",
  "a b",
  " a",
  "a\n",
  "a\r",
  "a\0b",
  "-a",
  "_a",
  "{sid}",
  "$&",
  "ü",
  "ａ",
  "🗝",
  "\u202ea",
  "x".repeat(129),
  "x".repeat(200),
];

for (const id of GOOD) {
  Deno.test(`isSessionId() takes '${id.slice(0, 40)}' of ${id.length} characters`, () => {
    assert.equal(isSessionId(id), true);
  });
}

for (const id of BAD) {
  Deno.test(`isSessionId() refuses ${JSON.stringify(id.slice(0, 40))} of ${id.length} characters`, () => {
    assert.equal(isSessionId(id), false);
  });
}

for (const value of [undefined, null, 1, true, {}, ["a"], Object("a")]) {
  Deno.test(`isSessionId() refuses what is no text: ${JSON.stringify(value)}, of type ${typeof value}`, () => {
    assert.equal(isSessionId(value), false);
  });
}

Deno.test("isSessionId() takes no text that means anything but itself in a URL or a file name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 6 }), (text) => {
      if (!isSessionId(text)) return;
      assert.equal(encodeURIComponent(text), text);
      assert.equal(new URL(`https://localhost/a/${text}/b`).pathname, `/a/${text}/b`);
    }),
    { numRuns: 2000 },
  );
});
