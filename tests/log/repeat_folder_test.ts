import assert from "node:assert/strict";
import type { LogLevel } from "../../src/core/logger.ts";
import type { LogLine } from "../../src/log/log_line.ts";
import { RepeatFolder } from "../../src/log/repeat_folder.ts";
import { FakeClock } from "../support/fake_clock.ts";

const MINUTE_MS = 60_000;

function open() {
  const written: string[] = [];
  const clock = new FakeClock();
  const folder = new RepeatFolder({
    clock,
    write: ({ level, message, fields }) =>
      written.push(`${level} ${message} ${JSON.stringify(fields)}`),
  });
  const say = (message: string, level: LogLevel = "warning", fields: LogLine["fields"] = {}) =>
    folder.take({ level, message, fields });
  return { written, clock, folder, say };
}

for (const level of ["warning", "error"] as const) {
  Deno.test(`RepeatFolder tells of a ${level} that repeats once, and how often when another comes`, () => {
    const { say, written } = open();
    for (let i = 0; i < 13; i++) say("Disk is full", level, { stream: "log" });
    say("All is well", "info");
    assert.deepEqual(written, [
      `${level} Disk is full {"stream":"log"}`,
      `${level} Disk is full … repeated 12 times {"stream":"log"}`,
      "info All is well {}",
    ]);
  });
}

Deno.test("RepeatFolder counts from nothing after it has told the count", () => {
  const { say, written } = open();
  for (const message of ["a", "a", "a", "b", "a", "a", "a", "a", "c"]) say(message);
  assert.deepEqual(written, [
    "warning a {}",
    "warning a … repeated 2 times {}",
    "warning b {}",
    "warning a {}",
    "warning a … repeated 3 times {}",
    "warning c {}",
  ]);
});

Deno.test("RepeatFolder says a line again where it came twice only", () => {
  const { say, written } = open();
  for (const message of ["a", "a", "b"]) say(message);
  assert.deepEqual(written, ["warning a {}", "warning a {}", "warning b {}"]);
});

Deno.test("RepeatFolder folds neither debug nor info lines, nor what differs in a field or the level", () => {
  const { say, written } = open();
  const lines: Parameters<typeof say>[] = [
    ["a", "info"],
    ["a", "info"],
    ["a", "debug"],
    ["a", "debug"],
    ["a", "warning", { attempt: 1 }],
    ["a", "warning", { attempt: 2 }],
    ["a", "error", { attempt: 2 }],
  ];
  for (const line of lines) say(...line);
  assert.equal(written.length, lines.length);
});

Deno.test("RepeatFolder tells the count after ten minutes though nothing else comes, and folds on", async () => {
  const { clock, say, written } = open();
  for (let i = 0; i < 4; i++) say("a");
  await clock.advance(10 * MINUTE_MS - 1);
  assert.equal(written.length, 1);
  await clock.advance(1);
  assert.deepEqual(written.slice(1), ["warning a … repeated 3 times {}"]);
  for (let i = 0; i < 2; i++) say("a");
  await clock.advance(10 * MINUTE_MS);
  assert.deepEqual(written.slice(2), ["warning a … repeated 2 times {}"]);
  await clock.advance(60 * MINUTE_MS);
  assert.equal(written.length, 3);
});

Deno.test("RepeatFolder tells at the end what it kept back", () => {
  const { folder, say, written } = open();
  for (let i = 0; i < 3; i++) say("a");
  folder[Symbol.dispose]();
  folder[Symbol.dispose]();
  assert.deepEqual(written, ["warning a {}", "warning a … repeated 2 times {}"]);
});
