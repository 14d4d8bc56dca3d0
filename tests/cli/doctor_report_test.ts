import assert from "node:assert/strict";
import { formatCheck, formatChecksJson } from "../../src/cli/doctor_report.ts";

const PAINT = "\x1b[2J\r\nok\x9b31m\u202e\u2028";
const RESULT = {
  name: "fluentd",
  subject: "Fluentd",
  status: "failed",
  text: PAINT,
  advice: PAINT,
  details: [PAINT],
} as never;

Deno.test("doctor shows words of a peer in a line of its own, without what moves the cursor", () => {
  const lines = formatCheck(RESULT, true).split("\n");
  assert.equal(lines.length, 4);
  for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}]/u);
});

Deno.test("doctor --json escapes what moves the cursor, and changes no value by it", () => {
  const json = formatChecksJson([RESULT], 1);
  for (const line of json.split("\n")) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}]/u);
  assert.equal(JSON.parse(json).checks[0].finding, PAINT);
});
