import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogFields, LogLevel } from "../../src/core/logger.ts";
import { formatTextLine } from "../../src/log/text_format.ts";

function format(message: string, fields: LogFields = {}, level: LogLevel = "info"): string {
  return formatTextLine({ level, message, fields, elapsedMs: 46_700 }, { color: false });
}

Deno.test("formatTextLine() writes the line of the seed", () => {
  const fields = {
    id: "b19716de-fbb6-4a4c-85ff-1b2c3d4e5f60",
    ts: "2021-06-08 11:00:56.034 +0000 UTC",
    type: "user.login",
  };
  assert.equal(
    format("Event sent", fields),
    "INFO[0046] Event sent id=b19716de-fbb6-4a4c-85ff-1b2c3d4e5f60 " +
      'ts="2021-06-08 11:00:56.034 +0000 UTC" type=user.login',
  );
});

const LEVELS: readonly [LogLevel, string][] = [
  ["debug", "DEBU"],
  ["info", "INFO"],
  ["warning", "WARN"],
  ["error", "ERRO"],
];

for (const [level, name] of LEVELS) {
  Deno.test(`formatTextLine() begins a line of ${level} with ${name}, in colour where asked to`, () => {
    assert.equal(format("m", {}, level), `${name}[0046] m`);
    const line = formatTextLine({ level, message: "m", fields: {}, elapsedMs: 0 }, { color: true });
    assert.match(line, new RegExp(`^\\x1b\\[\\d\\dm${name}\\x1b\\[0m\\[0000\\] m$`));
  });
}

const SECONDS: readonly [number, string][] = [
  [0, "0000"],
  [999, "0000"],
  [1000, "0001"],
  [9_999_999, "9999"],
  [123_456_789_000, "123456789"],
];

for (const [elapsedMs, seconds] of SECONDS) {
  Deno.test(`formatTextLine() writes ${elapsedMs} ms since the start as [${seconds}]`, () => {
    const line = formatTextLine({ level: "info", message: "m", fields: {}, elapsedMs }, {
      color: false,
    });
    assert.equal(line, `INFO[${seconds}] m`);
  });
}

const VALUES: readonly [string | number | boolean | undefined, string][] = [
  ["plain-1._/@^+", " k=plain-1._/@^+"],
  ["", ' k=""'],
  ["two words", ' k="two words"'],
  ["a=b", ' k="a=b"'],
  ['say "x" \\', ' k="say \\"x\\" \\\\"'],
  ["ü", ' k="ü"'],
  ["🗝", ' k="🗝"'],
  [42, " k=42"],
  [-1.5, " k=-1.5"],
  [true, " k=true"],
  [undefined, ""],
];

for (const [value, text] of VALUES) {
  Deno.test(`formatTextLine() writes the value ${JSON.stringify(value)} as '${text}'`, () => {
    assert.equal(format("m", { k: value }), `INFO[0046] m${text}`);
  });
}

/** What a hostile peer may put into its words, and what must be left of it. */
const HOSTILE: readonly [string, string, string][] = [
  ["a line break", "a\r\nINFO[0001] forged", "a\\r\\nINFO[0001] forged"],
  ["an ANSI sequence", "a\x1b[2Jb", "a\\u001b[2Jb"],
  ["a bell and a backspace", "a\x07\b", "a\\u0007\\b"],
  ["a delete", "a\x7fb", "a\\u007fb"],
  ["an ANSI sequence of one byte", "a\x9b2Jb", "a\\u009b2Jb"],
  ["a line end of the upper range", "a\x85b", "a\\u0085b"],
  ["a line separator", "a\u2028b", "a\\u2028b"],
  ["a change of the reading direction", "a\u202etxt.exe", "a\\u202etxt.exe"],
  ["an invisible tag", "a\u{e0041}b", "a\\udb40\\udc41b"],
  ["half a character", "a\ud800b", "a\\ud800b"],
];

for (const [what, text, shown] of HOSTILE) {
  Deno.test(`formatTextLine() takes ${what} apart, in the message and in values`, () => {
    assert.equal(format(text), `INFO[0046] ${shown}`);
    assert.equal(format("m", { k: text + " " }), `INFO[0046] m k="${shown} "`);
  });
}

Deno.test("formatTextLine() writes one line without control characters whatever it is given", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(fc.property(
    text,
    fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), fc.oneof(text, fc.double(), fc.boolean())),
    fc.double({ min: 0, max: 1e15, noNaN: true }),
    (message, fields, elapsedMs) => {
      const line = formatTextLine({ level: "info", message, fields, elapsedMs }, { color: false });
      assert.doesNotMatch(line, /[\p{Cc}\p{Zl}\p{Zp}]/u);
      assert.match(line, /^INFO\[\d{4,}\] /);
      assert.ok(line.isWellFormed());
    },
  ));
});
