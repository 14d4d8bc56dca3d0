import assert from "node:assert/strict";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";
import { judgeCertificate, listAttention } from "../../src/diagnostics/status_attention.ts";
import { createStatusReport } from "../../src/diagnostics/status_report.ts";
import { SAMPLE_NOW_MS, sampleRun, troubledRun } from "./status_samples.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function titlesOf(run: RunSnapshot): string[] {
  return listAttention(createStatusReport(run, undefined)).map(({ title }) => title);
}

Deno.test("listAttention() has nothing to say of a run that is well", () => {
  assert.deepEqual(titlesOf(sampleRun()), []);
});

Deno.test("listAttention() lists all that is wrong, the worst first, each with what to do", () => {
  const items = listAttention(createStatusReport(troubledRun(), undefined));
  assert.deepEqual(items.map(({ title }) => title), [
    "Certificate for Teleport has expired",
    "Fluentd is not available",
    "Teleport is not available",
    "Certificate for Teleport: new files are not in use",
    "Certificate for Fluentd ends in 9 days",
    "3 events in quarantine",
    "1 recording given up",
  ]);
  for (const { advice } of items) assert.match(advice.text, /^[A-Z<].*\.$/s);
});

Deno.test("listAttention() tells of a receiver that is away once, not for each stream", () => {
  const run = troubledRun();
  const troubles = ["log", "session/a", "session/b"].map((streamId, index) => ({
    ...run.troubles[0]!,
    streamId,
    sinceMs: SAMPLE_NOW_MS - index * 60_000,
  }));
  const [item, ...rest] = listAttention(
    createStatusReport(sampleRun({ troubles }), undefined),
  );
  assert.deepEqual(rest, []);
  assert.match(
    item!.detail.text,
    /Stream log and 2 other streams, attempt 7, since .*>15:07:26 UTC</,
  );
  assert.match(item!.detail.text, /next try in 12 s/);
});

Deno.test("listAttention() counts what would make a long list", () => {
  const run = troubledRun();
  const troubles = Array.from({ length: 9 }, (_, index) => ({
    ...run.troubles[0]!,
    reason: `reason ${index}`,
  }));
  const titles = titlesOf(sampleRun({ troubles }));
  assert.deepEqual(titles.slice(-2), ["Fluentd is not available", "4 more of these"]);
});

Deno.test("listAttention() tells of lasting troubles, stalls and a store that fails", () => {
  const [trouble] = troubledRun().troubles;
  assert.deepEqual(
    titlesOf(sampleRun({
      troubles: [{ ...trouble!, lasting: true, nextTryMs: SAMPLE_NOW_MS - 1 }],
      stalls: [{ streamId: "log", reason: "nothing comes", sinceMs: SAMPLE_NOW_MS - HOUR_MS }],
      storeProblem: "The disk is full",
    })),
    ["Fluentd needs attention", "The state cannot be written", "Stream log makes no progress"],
  );
});

for (
  const [lifeMs, leftMs, tone] of [
    [HOUR_MS, 0.5 * HOUR_MS, "good"],
    [HOUR_MS, 0.25 * HOUR_MS, "warning"],
    [90 * DAY_MS, 31 * DAY_MS, "good"],
    [90 * DAY_MS, 22 * DAY_MS, "warning"],
    [3650 * DAY_MS, 31 * DAY_MS, "good"],
    [3650 * DAY_MS, 29 * DAY_MS, "warning"],
    [DAY_MS, 0, "bad"],
  ] as const
) {
  const words = `${lifeMs / HOUR_MS} h of life and ${leftMs / HOUR_MS} h left`;
  Deno.test(`judgeCertificate() finds a certificate with ${words} ${tone}`, () => {
    const notAfterMs = SAMPLE_NOW_MS + leftMs;
    const credential = sampleRun().credentials[0]!;
    const judged = { ...credential, notAfterMs, notBeforeMs: notAfterMs - lifeMs };
    assert.equal(judgeCertificate(judged, SAMPLE_NOW_MS), tone);
  });
}
