import assert from "node:assert/strict";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";
import { findHeadline } from "../../src/diagnostics/status_headline.ts";
import { createStatusReport } from "../../src/diagnostics/status_report.ts";
import { joiningRun, sampleRun, troubledRun } from "./status_samples.ts";

const [ofReceiver, ofRecording] = troubledRun().troubles;
const ofSource = { ...ofRecording!, streamId: "log" };

const CASES: readonly [
  words: string,
  changes: Partial<RunSnapshot>,
  title: string,
  tone: string,
][] = [
  ["a run that has caught up", {}, "Up to date", "good"],
  ["a backlog", { isCaughtUp: false }, "Catching up", "busy"],
  ["a first answer that has not come", { phase: "starting" }, "Starting", "busy"],
  ["the end", { phase: "stopping", troubles: [ofReceiver!] }, "Stopping", "busy"],
  ["a receiver that is away", { troubles: [ofReceiver!] }, "Waiting for Fluentd", "warning"],
  [
    "Teleport away at the start",
    {
      phase: "starting",
      troubles: [ofSource],
    },
    "Waiting for Teleport",
    "warning",
  ],
  [
    "a receiver that refuses by its set-up",
    {
      troubles: [ofSource, { ...ofReceiver!, lasting: true }],
    },
    "Fluentd needs attention",
    "bad",
  ],
  ["a recording that cannot be read", { troubles: [ofRecording!] }, "Up to date", "good"],
  [
    "a stream that stands still",
    {
      stalls: [{ streamId: "log", reason: "nothing comes", sinceMs: 0 }],
    },
    "Standing still",
    "warning",
  ],
  ["a replica without a lease", { ...joiningRun(), phase: "starting" }, "Joining", "busy"],
  ["a store that fails", { storeProblem: "The disk is full" }, "Storage needs attention", "bad"],
];

for (const [words, changes, title, tone] of CASES) {
  Deno.test(`findHeadline() calls ${words} '${title}'`, () => {
    const headline = findHeadline(createStatusReport(sampleRun(changes), undefined));
    assert.equal(headline.title, title);
    assert.equal(headline.tone, tone);
  });
}

Deno.test("findHeadline() has no numbers in it, so that a screen reader is told of changes alone", () => {
  for (const [, changes] of CASES) {
    const { text, title } = findHeadline(createStatusReport(sampleRun(changes), undefined));
    assert.doesNotMatch(`${title} ${text}`, /\d/);
  }
});

Deno.test("findHeadline() says of a dry run that nothing is sent", () => {
  const { text } = findHeadline(createStatusReport(sampleRun({ isDryRun: true }), undefined));
  assert.equal(text, "A dry run: nothing is sent.");
});
