import assert from "node:assert/strict";
import type { LogLevel } from "../../src/core/logger.ts";
import { createLogger, type LoggerOptions } from "../../src/log/create_logger.ts";
import { FakeClock } from "../support/fake_clock.ts";

function open(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const clock = new FakeClock();
  const logger = createLogger({
    format: "text",
    severity: "info",
    color: false,
    clock,
    write: (line) => lines.push(line),
    ...options,
  });
  return { logger, lines, clock };
}

const SEVERITIES: readonly LogLevel[] = ["debug", "info", "warning", "error"];

for (const [i, severity] of SEVERITIES.entries()) {
  Deno.test(`createLogger() writes nothing quieter than ${severity}`, () => {
    const { logger, lines } = open({ severity });
    for (const level of SEVERITIES) logger[level](level);
    const names = lines.map((line) => line.replace(/^.*\] /, "").trimEnd());
    assert.deepEqual(names, SEVERITIES.slice(i));
    assert.equal(logger.isDebug, severity === "debug");
  });
}

Deno.test("createLogger() counts the seconds since it was created", async () => {
  const { logger, lines, clock } = open();
  logger.info("first");
  await clock.advance(46_000);
  // Somebody sets the machine's clock; the count goes on.
  clock.jump(-3_600_000);
  logger.info("second", { id: 1 });
  assert.deepEqual(lines, ["INFO[0000] first\n", "INFO[0046] second id=1\n"]);
});

Deno.test("createLogger() writes JSON lines with Teleport's keys", () => {
  const { logger, lines, clock } = open({ format: "json" });
  logger.warning('odd "message"\n', { id: "x\x1b", count: 2, flag: false, left_out: undefined });
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^\{[^\n]*\}\n$/);
  const { timestamp, ...rest } = JSON.parse(lines[0]!);
  assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Math.abs(Date.parse(timestamp) - clock.nowMs()) < 1000);
  assert.deepEqual(rest, {
    level: "warning",
    message: 'odd "message"\n',
    component: "event-handler",
    id: "x\x1b",
    count: 2,
    flag: false,
  });
});

Deno.test("createLogger() writes no raw control character to a terminal in JSON either", () => {
  const { logger, lines } = open({ format: "json" });
  logger.info("a\x1b[2J\x7f\x9b2J\u202e\u2028", { k: "\x9b\x85" });
  assert.doesNotMatch(lines[0]!.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}]/u);
  assert.equal(JSON.parse(lines[0]!).message, "a\x1b[2J\x7f\x9b2J\u202e\u2028");
});

for (const format of ["text", "json"] as const) {
  Deno.test(`createLogger() takes braces and percent signs of a peer's words as they are (${format})`, () => {
    const { logger, lines } = open({ format });
    logger.info("{id} {{x}} %s {*}", { id: "secret" });
    assert.ok(lines[0]!.includes("{id} {{x}} %s {*}"), lines[0]);
  });

  Deno.test(`createLogger() lets no field replace what the line says (${format})`, () => {
    const { logger, lines } = open({ format });
    logger.error("real", { message: "forged", level: "debug", timestamp: "never", component: "x" });
    assert.equal(lines.length, 1);
    if (format === "text") return assert.match(lines[0]!, /^ERRO\[0000\] real /);
    const line = JSON.parse(lines[0]!);
    assert.deepEqual([line.message, line.level, line.component], [
      "real",
      "error",
      "event-handler",
    ]);
  });
}

Deno.test("createLogger() never throws where lines cannot be written, and tells how many were lost", () => {
  const written: string[] = [];
  let isFull = true;
  const { logger } = open({
    write(line) {
      if (isFull) throw new Error("disk full");
      written.push(line);
    },
  });
  for (let i = 0; i < 5; i++) logger.info(`lost ${i}`);
  isFull = false;
  logger.info("kept");
  assert.deepEqual(written, [
    "WARN[0000] Lines of the log were lost, because they could not be written count=5 " +
    'reason="disk full"\n',
    "INFO[0000] kept\n",
  ]);
});

Deno.test("createLogger() folds warnings that repeat, and tells the rest when it is disposed of", () => {
  const { logger, lines } = open();
  for (let i = 0; i < 9; i++) logger.warning("Clock is wrong", { peer: "teleport" });
  logger[Symbol.dispose]();
  assert.deepEqual(lines, [
    "WARN[0000] Clock is wrong peer=teleport\n",
    "WARN[0000] Clock is wrong … repeated 8 times peer=teleport\n",
  ]);
});

Deno.test("createLogger() replaces the settings of the logger before it", () => {
  const first = open();
  const second = open({ format: "json", severity: "error" });
  second.logger.info("quiet");
  second.logger.error("loud");
  assert.deepEqual(first.lines, []);
  assert.equal(second.lines.length, 1);
});
