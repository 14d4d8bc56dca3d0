import assert from "node:assert/strict";
import { ProgressMeter } from "../../src/diagnostics/progress_meter.ts";
import { formatProgress, formatTimeLeft } from "../../src/diagnostics/progress_text.ts";
import type { ReplicaRole } from "../../src/diagnostics/run_snapshot.ts";
import { RunStatus } from "../../src/diagnostics/run_status.ts";
import { tellProgress } from "../../src/diagnostics/tell_progress.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const HOUR_MS = 3_600_000;

/** A run with a backlog of 100 hours, of which each call of `deliver` does one. */
function open() {
  const clock = new FakeClock();
  const startMs = clock.nowMs() - 100 * HOUR_MS;
  const status = new RunStatus({
    clock,
    pollMs: 5000,
    facts: {
      version: "1.0.0",
      teleport: "localhost:3025",
      logUrl: "https://localhost/x",
      sessionUrl: "https://localhost/s",
      storage: "storage",
      isDryRun: false,
    },
  });
  status.useMode("paged");
  status.readFrom(startMs);
  let hours = 0;
  const deliver = () => {
    const timeMs = startMs + ++hours * HOUR_MS;
    status.delivered("log", makeEvents(500).map((event) => ({ ...event, timeMs })));
  };
  const catchUp = () => {
    status.doneUntil(clock.nowMs());
    status.upToDate("log");
  };
  return { catchUp, clock, deliver, startMs, status };
}

Deno.test("ProgressMeter.look() knows no backlog of a replica that leads no more, and a new one when it leads again", async () => {
  const { clock, deliver, status } = open();
  const meter = new ProgressMeter();
  const rest = { name: "r0", epoch: 1, claims: 0, takeovers: 0, fencedWrites: 0, replicas: [] };
  let role: ReplicaRole = "leader";
  status.useReplica(() => ({ ...rest, role }));
  deliver();
  assert.notEqual(meter.look(status.snapshot(), clock.monotonicMs()), undefined);
  for (role of ["joining", "follower"] as const) {
    await clock.advance(1000);
    assert.equal(meter.look(status.snapshot(), clock.monotonicMs()), undefined, role);
  }
  role = "leader";
  deliver();
  const again = meter.look(status.snapshot(), clock.monotonicMs())!;
  assert.equal(again.perSecond, undefined, "what was before does not count");
});

Deno.test("ProgressMeter.look() measures rate, share and time left of a backlog", async () => {
  const { clock, deliver, startMs, status } = open();
  const meter = new ProgressMeter();
  assert.equal(meter.look(status.snapshot(), clock.monotonicMs()), undefined, "nothing came yet");
  deliver();
  const first = meter.look(status.snapshot(), clock.monotonicMs())!;
  assert.deepEqual([first.perSecond, first.leftMs], [undefined, undefined], "of a single moment");
  for (let i = 0; i < 9; i++) {
    await clock.advance(1000);
    deliver();
  }
  const progress = meter.look(status.snapshot(), clock.monotonicMs())!;
  assert.equal(progress.delivered, 5000);
  assert.equal(progress.perSecond, 500);
  assert.equal(progress.positionMs, startMs + 10 * HOUR_MS);
  assert.equal(Math.round(progress.share! * 100), 10);
  assert.equal(Math.round(progress.leftMs! / 1000), 90);
});

Deno.test("ProgressMeter.look() knows no backlog once all is delivered, and measures anew in the next", async () => {
  const { catchUp, clock, deliver, status } = open();
  const meter = new ProgressMeter();
  deliver();
  meter.look(status.snapshot(), clock.monotonicMs());
  catchUp();
  assert.equal(meter.look(status.snapshot(), clock.monotonicMs()), undefined);
  await clock.advance(HOUR_MS);
  deliver();
  const progress = meter.look(status.snapshot(), clock.monotonicMs())!;
  assert.equal(progress.perSecond, undefined);
});

Deno.test("ProgressMeter.look() never says that all is done while it is not", () => {
  const { clock, status, startMs, deliver } = open();
  deliver();
  status.doneUntil(startMs + 99.9 * HOUR_MS);
  assert.equal(new ProgressMeter().look(status.snapshot(), clock.monotonicMs())!.share, 0.99);
});

Deno.test("ProgressMeter.look() takes the last event for the place in a bulk export, and never goes back", () => {
  const { clock, startMs, status } = open();
  status.useMode("bulk");
  const meter = new ProgressMeter();
  const positions = [30, 40, 35].map((hours) => {
    const timeMs = startMs + hours * HOUR_MS;
    status.delivered("chunk/2026-01-01/a", makeEvents(1).map((event) => ({ ...event, timeMs })));
    return meter.look(status.snapshot(), clock.monotonicMs())!.positionMs! - startMs;
  });
  assert.deepEqual(positions, [30 * HOUR_MS, 40 * HOUR_MS, 40 * HOUR_MS]);
});

const PROGRESS = {
  positionMs: Date.UTC(2021, 4, 29, 8, 9, 10, 400),
  delivered: 1_234_567,
  perSecond: 3638,
  share: 0.437,
  leftMs: 130_000,
  trouble: undefined,
};

Deno.test("formatProgress() fits a terminal of 80, 60, 40 and 20 columns", () => {
  const texts = formatProgress(PROGRESS, 0);
  assert.deepEqual(texts, [
    "Catching up  2021-05-29 08:09:10  1,234,567 events  3,638/s  43 %  2m 10s left",
    "Catching up  2021-05-29 08:09  3,638/s  43 %  2m 10s left",
    "Catching up  3,638/s  43 %  2m 10s left",
    "43 %  2m 10s left",
  ]);
  assert.deepEqual(texts.map((text, i) => text.length < [80, 60, 40, 20][i]!), Array(4).fill(true));
});

Deno.test("formatProgress() leaves out what is not known", () => {
  const unknown = { positionMs: undefined, perSecond: undefined, share: undefined };
  assert.deepEqual(formatProgress({ ...PROGRESS, ...unknown, leftMs: undefined }, 0), [
    "Catching up  1,234,567 events",
    "Catching up",
    "Catching up",
    "Catching up",
  ]);
});

Deno.test("formatProgress() says whom it waits for, and how long", () => {
  const trouble = {
    streamId: "log",
    peer: "receiver",
    reason: "refused",
    attempt: 3,
    lasting: false,
    sinceMs: 0,
    nextTryMs: 12_000,
  } as const;
  const [text] = formatProgress({ ...PROGRESS, trouble }, 4500);
  assert.match(text!, /43 % {2}waiting for Fluentd, next try in 8s$/);
});

const TIMES: readonly [number, string][] = [
  [0, "0s"],
  [1, "1s"],
  [59_000, "59s"],
  [61_000, "1m 1s"],
  [HOUR_MS, "1h 0m"],
  [26 * HOUR_MS, "1d 2h"],
  [24_000 * HOUR_MS, "1,000d 0h"],
];

for (const [ms, text] of TIMES) {
  Deno.test(`formatTimeLeft() writes ${ms} ms as ${text}`, () => {
    assert.equal(formatTimeLeft(ms), text);
  });
}

/** Tells of the run until stopped; what the terminal shows is in `shown`. */
function startTelling(run: ReturnType<typeof open>, { hasTerminal = false } = {}) {
  const logger = new RecordingLogger();
  const stop = new AbortController();
  const shown: string[] = [];
  const line = {
    show: (texts: readonly string[]) => shown.push(texts[0]!),
    clear: () => shown.push(""),
  };
  const told = tellProgress({
    snapshot: () => run.status.snapshot(),
    clock: run.clock,
    logger: hasTerminal ? undefined : logger,
    line: hasTerminal ? line : undefined,
  }, stop.signal);
  return {
    logger,
    shown,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await told;
    },
  };
}

Deno.test("tellProgress() logs a line every ten seconds while there is a backlog, and none after it", async () => {
  const run = open();
  await using telling = startTelling(run);
  for (let i = 0; i < 60; i++) {
    run.deliver();
    await run.clock.advance(500);
  }
  const lines = telling.logger.find({ message: "Catching up" });
  assert.equal(lines.length, 3);
  assert.deepEqual(Object.keys(lines[0]!.fields), ["at", "sent", "per_second", "time_left"]);
  assert.equal(lines.at(-1)!.fields["per_second"], 1000);
  run.catchUp();
  await run.clock.advance(60_000);
  assert.equal(telling.logger.find({ message: "Catching up" }).length, 3);
});

Deno.test("tellProgress() changes the line of a terminal four times a second, and takes it away in the end", async () => {
  const run = open();
  {
    await using telling = startTelling(run, { hasTerminal: true });
    await run.clock.advance(1000);
    run.deliver();
    await run.clock.advance(1000);
    const before = telling.shown.length;
    await run.clock.advance(1000);
    assert.equal(telling.shown.length - before, 4);
    assert.match(telling.shown.at(-1)!, /^Catching up {2}/);
    run.catchUp();
    await run.clock.advance(1000);
    assert.equal(telling.shown.at(-1), "");
    assert.deepEqual(telling.logger.records, []);
  }
});
