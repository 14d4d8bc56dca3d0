import assert from "node:assert/strict";
import { type Check, type CheckResult, runChecks } from "../../src/cli/doctor_run.ts";
import { failed, ok } from "../../src/core/finding.ts";
import { FakeClock } from "../support/fake_clock.ts";

function check(name: string, more: Partial<Check> = {}): Check {
  return { name, subject: name.toUpperCase(), run: () => ok("good"), ...more };
}

async function collect(checks: readonly Check[], clock = new FakeClock()): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for await (const result of runChecks(checks, clock)) results.push(result);
  return results;
}

Deno.test("runChecks() yields results in the order of the list, whichever ends first", async () => {
  const gate = Promise.withResolvers<void>();
  const results = await collect([
    check("slow", { run: () => gate.promise.then(() => ok("at last")) }),
    check("fast", { run: () => (gate.resolve(), ok("at once")) }),
  ]);
  assert.deepEqual(results.map(({ text }) => text), ["at last", "at once"]);
});

Deno.test("runChecks() skips what needs a failed check, and names the first that failed", async () => {
  const results = await collect([
    check("a", { run: () => failed("config", "bad") }),
    check("b", { needs: ["a"] }),
    check("c", { needs: ["b"] }),
    check("d", { after: ["a"] }),
  ]);
  assert.deepEqual(results.map(({ status }) => status), ["failed", "skipped", "skipped", "ok"]);
  assert.deepEqual(results.slice(1, 3).map(({ text }) => text), [
    "Not tried: see A",
    "Not tried: see A",
  ]);
});

Deno.test("runChecks() takes a check that throws for a defect of its own", async () => {
  const [result] = await collect([check("a", {
    run() {
      throw new TypeError("oops");
    },
  })]);
  assert.equal(result!.fault, "internal");
  assert.match(result!.text, /oops/);
});

Deno.test("runChecks() lets a check say what it waited for when its time is over", async () => {
  const clock = new FakeClock();
  const run = (signal: AbortSignal) =>
    new Promise<ReturnType<typeof ok>>((resolve) =>
      signal.addEventListener("abort", () => resolve(failed("unavailable", "no word of B")))
    );
  const results = collect([check("a", { run, limitMs: 5000 })], clock);
  await clock.waitForSleepers(2);
  await clock.advance(5000);
  assert.deepEqual((await results).map(({ text }) => text), ["no word of B"]);
});

Deno.test("runChecks() ends a check that does not hear that its time is over", async () => {
  const clock = new FakeClock();
  const results = collect([check("a", { run: () => new Promise(() => {}), limitMs: 5000 })], clock);
  await clock.waitForSleepers(2);
  await clock.advance(5000);
  await clock.waitForSleepers(2);
  await clock.advance(500);
  assert.deepEqual((await results).map(({ text }) => text), ["No result within 5 s"]);
});

Deno.test("runChecks() ends within half a minute, however many checks hang in a row", async () => {
  const clock = new FakeClock();
  const hang = { run: () => new Promise<never>(() => {}), limitMs: 20_000 };
  const results = collect([check("a", hang), check("b", { ...hang, after: ["a"] })], clock);
  await clock.waitForSleepers(2);
  await clock.advance(20_500);
  await clock.waitForSleepers(2);
  await clock.advance(9500);
  assert.deepEqual((await results).map(({ status }) => status), ["failed", "failed"]);
  assert.ok(clock.monotonicMs() <= 30_000);
});
