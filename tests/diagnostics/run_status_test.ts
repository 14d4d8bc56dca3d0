import assert from "node:assert/strict";
import type { RunSnapshot } from "../../src/diagnostics/run_snapshot.ts";
import { makePage } from "../support/pipeline_ports.ts";
import { eventAt, POLL_MS, startRun } from "./run_rig.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const RETRY = {
  streamId: "log",
  peer: "receiver",
  attempt: 1,
  reason: "Away",
  delayMs: 100,
  lasting: false,
} as const;

/** How far behind, in whole seconds. */
function lagSeconds({ lagMs }: RunSnapshot): number | undefined {
  return lagMs === undefined ? undefined : Math.round(lagMs / 1000);
}

Deno.test("RunStatus counts events by stream, and what became of them", () => {
  const { status } = startRun();
  const events = [eventAt(1000), eventAt(2000), eventAt(3000)];
  status.read("log", makePage(events, 0));
  status.read("chunk/2026-01-01/a", makePage(events, 0));
  status.read("session/s1", makePage(events, 0));
  status.filtered("log", 1);
  status.delivered("log", events.slice(1));
  status.delivered("session/s1", events);
  status.rejected({ streamId: "log", event: events[0]!, reason: "400" });
  const broken = { ...events[0]!, defect: { reason: "no JSON", raw: new Uint8Array() } };
  status.rejected({ streamId: "log", event: broken, reason: "no JSON" });
  const { events: { log, session } } = status.snapshot();
  assert.deepEqual(
    [log.received, log.delivered, log.filtered, log.refused, log.unreadable],
    [6, 2, 1, 1, 1],
  );
  assert.deepEqual([session.received, session.delivered], [3, 3]);
});

Deno.test("RunStatus knows the way to Teleport that was told last", () => {
  const { status } = startRun();
  assert.equal(status.snapshot().route, undefined);
  status.useRoute("directly at auth.test:3025");
  status.useRoute("by TLS routing of the proxy at proxy.test:443");
  assert.equal(status.snapshot().route, "by TLS routing of the proxy at proxy.test:443");
});

Deno.test("RunStatus counts requests by what became of them, and what is under way", () => {
  const { status } = startRun();
  const request = { stream: "log", events: 3, bytes: 100, durationMs: 5 } as const;
  status.sending(3);
  assert.equal(status.snapshot().inFlightEvents, 3);
  status.sent({ ...request, result: "retry" });
  status.sending(3);
  status.sent({ ...request, result: "delivered" });
  const { events, inFlightEvents } = status.snapshot();
  assert.equal(inFlightEvents, 0);
  assert.deepEqual(events.log.requests, {
    delivered: 1,
    retry: 1,
    rejected: 0,
    misconfigured: 0,
    aborted: 0,
  });
});

Deno.test("RunStatus adds up what waits in all streams, and forgets streams that end", () => {
  const { status } = startRun();
  status.queued("log", { events: 2, bytes: 20 });
  status.queued("session/s1", { events: 3, bytes: 30 });
  status.queued("session/s2", { events: 5, bytes: 50 });
  status.finished("session/s2");
  assert.deepEqual(status.snapshot().queue, { events: 5, bytes: 50 });
});

Deno.test("RunStatus keeps a trouble from its first failure to its end, and remembers the last", async () => {
  const { clock, status } = startRun();
  const sinceMs = clock.nowMs();
  status.retrying(RETRY);
  await clock.advance(1000);
  status.retrying({ ...RETRY, attempt: 2, delayMs: 500 });
  const { troubles: [trouble], retries } = status.snapshot();
  assert.equal(trouble?.attempt, 2);
  assert.equal(trouble?.sinceMs, sinceMs);
  assert.equal(trouble?.nextTryMs, sinceMs + 1500);
  assert.deepEqual(retries, { source: 0, receiver: 2, state: 0 });
  status.recovered("log", "receiver");
  assert.deepEqual(status.snapshot().troubles, []);
  assert.equal(status.snapshot().lastTrouble?.reason, "Away");
});

for (const ending of ["finished", "abandoned", "parked"] as const) {
  Deno.test(`RunStatus forgets the troubles of a stream that is ${ending}`, () => {
    const { status } = startRun();
    status.retrying({ ...RETRY, streamId: "session/s1" });
    if (ending === "parked") {
      status.parked({
        streamId: "session/s1",
        peer: "source",
        reason: "gone",
        attempt: 1,
        delayMs: 1,
      });
    } else {
      status[ending]("session/s1");
    }
    assert.deepEqual(status.snapshot().troubles, []);
  });
}

Deno.test("RunStatus forgets what failed in the other way of reading the log", () => {
  const { status } = startRun();
  status.retrying({ ...RETRY, streamId: "bulk", peer: "source" });
  status.useMode("paged");
  assert.deepEqual(status.snapshot().troubles, []);
});

Deno.test("RunStatus has a stall until the stream goes on", () => {
  const { status } = startRun();
  status.stalled("log", "the same page twice");
  status.stalled("log", "the same page three times");
  const { stallCount, stalls } = status.snapshot();
  assert.equal(stallCount, 2);
  assert.deepEqual(stalls.map(({ reason }) => reason), ["the same page three times"]);
  status.recovered("log", "source");
  assert.deepEqual(status.snapshot().stalls, []);
});

Deno.test("RunStatus has the stall of a chunk between its tries too, until it is done or read in the other way", () => {
  const { status } = startRun();
  const chunks = ["chunk/2026-01-01/a", "chunk/2026-01-01/b"];
  for (const streamId of chunks) {
    status.stalled(streamId, "it is damaged");
    status.parked({ ...RETRY, streamId });
  }
  const stalled = () => status.snapshot().stalls.map(({ streamId }) => streamId);
  assert.deepEqual(stalled(), chunks);
  status.finished(chunks[0]!);
  assert.deepEqual(stalled(), [chunks[1]]);
  status.useMode("paged");
  assert.deepEqual(stalled(), []);
});

Deno.test("RunStatus says why the store failed until it takes something", () => {
  const { status } = startRun();
  status.commitFailed("Disk is full");
  assert.equal(status.snapshot().storeProblem, "Disk is full");
  status.committed();
  assert.equal(status.snapshot().storeProblem, undefined);
  assert.deepEqual(status.snapshot().commits, { stored: 1, failed: 1 });
});

Deno.test("RunStatus adds what this run rejects to what lay in quarantine before", () => {
  const { status } = startRun();
  assert.equal(status.snapshot().quarantined, undefined);
  status.foundQuarantined(5);
  status.rejected({ streamId: "log", event: eventAt(1000), reason: "400" });
  assert.equal(status.snapshot().quarantined, 6);
});

Deno.test("RunStatus.snapshot() knows no lag before anything is known", () => {
  assert.equal(startRun().status.snapshot().lagMs, undefined);
});

Deno.test("lag goes down while a backlog is worked off, and to nothing at its end", async () => {
  const { clock, serverMs, status } = startRun();
  status.readFrom(serverMs - DAY_MS);
  assert.equal(lagSeconds(status.snapshot()), 86_400);
  const events = [eventAt(serverMs - HOUR_MS)];
  status.read("log", makePage(events, 0, true));
  status.delivered("log", events);
  assert.equal(lagSeconds(status.snapshot()), 3600);
  assert.equal(status.snapshot().isCaughtUp, false);
  status.read("log", makePage([], 1, false));
  status.upToDate("log");
  assert.equal(lagSeconds(status.snapshot()), 0);
  assert.equal(status.snapshot().isCaughtUp, true);
  await clock.advance(POLL_MS);
  assert.equal(lagSeconds(status.snapshot()), 5);
});

for (const [words, wrongMs] of [["behind", -HOUR_MS], ["ahead of", HOUR_MS]] as const) {
  Deno.test(`a clock an hour ${words} the server's shows no lag when there is none`, async () => {
    const { clock, serverMs, status } = startRun();
    clock.jump(wrongMs);
    status.readFrom(serverMs - DAY_MS);
    status.sawNewest(serverMs);
    assert.equal(lagSeconds(status.snapshot()), 86_400);
    const events = [eventAt(serverMs)];
    status.read("log", makePage(events, 0, false));
    status.delivered("log", events);
    status.upToDate("log");
    assert.equal(lagSeconds(status.snapshot()), 0);
    for (let i = 1; i <= 10; i++) {
      await clock.advance(POLL_MS);
      const events = [eventAt(serverMs + i * POLL_MS - 100)];
      status.read("log", makePage(events, i, false));
      status.delivered("log", events);
      status.upToDate("log");
      assert.equal(lagSeconds(status.snapshot()), 0);
    }
    assert.equal(status.snapshot().serverNowMs, serverMs + 10 * POLL_MS - 100);
  });
}

Deno.test("lag grows while the receiver is away, and 'caught up' is a matter of the past then", async () => {
  const { clock, serverMs, status } = startRun();
  status.readFrom(serverMs);
  status.read("log", makePage([], 0, false));
  status.upToDate("log");
  const caughtUpAtMs = status.snapshot().caughtUpAtMs;
  await clock.advance(POLL_MS);
  status.upToDate("log");
  assert.equal(status.snapshot().caughtUpAtMs, caughtUpAtMs);
  status.retrying(RETRY);
  await clock.advance(600_000);
  assert.equal(lagSeconds(status.snapshot()), 600);
  assert.equal(status.snapshot().isCaughtUp, false);
  status.recovered("log", "receiver");
  status.upToDate("log");
  assert.equal(status.snapshot().isCaughtUp, true);
  assert.notEqual(status.snapshot().caughtUpAtMs, caughtUpAtMs);
});

Deno.test("the end of a recording or a chunk is not that of the log", () => {
  const { status } = startRun();
  status.upToDate("session/s1");
  status.upToDate("chunk/2026-01-01/a");
  assert.equal(status.snapshot().isCaughtUp, false);
});

Deno.test("an event of a far future does not hide a lag", async () => {
  const { clock, serverMs, status } = startRun();
  status.readFrom(serverMs - DAY_MS);
  status.delivered("log", [eventAt(serverMs + 100 * DAY_MS)]);
  await clock.advance(600_000);
  assert.equal(lagSeconds(status.snapshot()), 600);
});
