import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Screen } from "../demo/screen.ts";
import { type DemoRun, summarize } from "../demo/summary.ts";
import { buildEvents, expectedJson } from "../support/events.ts";
import { TestProcess } from "../support/process.ts";

const DEMO = fileURLToPath(new URL("../../scripts/demo", import.meta.url));

Deno.test("scripts/demo forwards every event, says so and exits with 0", async () => {
  await using demo = new TestProcess({ command: DEMO, args: [], env: { NO_COLOR: "1" } });
  const { code } = await demo.waitForExit();
  const output = demo.stdout.join("\n");
  assert.equal(code, 0, `${output}\n${demo.stderr.join("\n")}`);
  assert.match(output, /storage = "/);
  assert.match(output, /^handler +INFO\[0000\] Teleport event handler v/m);
  assert.match(output, /^fluentd +← request 1 .* session\.start/m);
  assert.match(output, /^handler +WARN.*Fluentd is not available/m);
  assert.match(output, /^handler +ended with exit code 0$/m);
  const inLog = /in the log +(\d+) events/.exec(output)?.[1];
  assert.match(output, new RegExp(`arrived +${inLog} events in \\d+ requests`));
  assert.match(output, /repeats +0$/m);
  assert.match(output, /order +kept$/m);
  assert.match(output, /Every event arrived, unchanged and in the order of the log\.$/);
  assert.ok(!output.includes("\x1b"), "there are colours in a file");
});

Deno.test("Screen colours and cuts lines on a terminal only", () => {
  function show(color: boolean, columns: number | undefined): string {
    let text = "";
    new Screen({ write: (part) => text += part, color, columns }).say(
      "handler",
      `INFO[0000] ${"x".repeat(50)}`,
    );
    return text;
  }
  assert.equal(show(false, undefined), `handler   INFO[0000] ${"x".repeat(50)}\n`);
  assert.equal(
    show(true, 40),
    `\x1b[36mhandler   \x1b[0m\x1b[36mINFO\x1b[0m[0000] ${"x".repeat(17)}…\n`,
  );
});

const LOG = buildEvents({ count: 4 });
const RECORDS = LOG.map((event) => JSON.parse(expectedJson(event)));
const GOOD: DemoRun = { log: LOG, received: RECORDS, requests: 2, violations: [], exitCode: 0 };

Deno.test("summarize() finds nothing wrong with a good run", () => {
  assert.deepEqual(summarize(GOOD), {
    inLog: 4,
    arrived: 4,
    repeats: 0,
    requests: 2,
    orderKept: true,
    changed: 0,
    faults: [],
  });
});

Deno.test("summarize() counts repeats, which are no fault", () => {
  const summary = summarize({ ...GOOD, received: [...RECORDS, RECORDS[2]] });
  assert.equal(summary.repeats, 1);
  assert.deepEqual(summary.faults, []);
});

for (
  const [what, run, fault] of [
    ["a missing event", { received: RECORDS.slice(1) }, /1 events are missing/],
    ["an unknown event", { received: [...RECORDS, { uid: "x" }] }, /1 events came that are not/],
    [
      "a changed event",
      { received: [{ ...RECORDS[0], user: "eve" }, ...RECORDS.slice(1)] },
      /1 events were changed/,
    ],
    ["another order", { received: RECORDS.toReversed() }, /order was not kept/],
    ["a violation", { violations: ["body is not JSON"] }, /body is not JSON/],
    ["an exit code", { exitCode: 1 }, /ended with 1/],
  ] as const
) {
  Deno.test(`summarize() reports ${what}`, () => {
    const { faults } = summarize({ ...GOOD, ...run });
    assert.equal(faults.length, 1);
    assert.match(faults[0]!, fault);
  });
}
