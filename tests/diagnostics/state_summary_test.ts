import assert from "node:assert/strict";
import { formatStateSummary } from "../../src/diagnostics/state_summary.ts";
import { eventAt, startRun } from "./run_rig.ts";
import { followingRun, joiningRun } from "./status_samples.ts";

Deno.test("formatStateSummary() tells a run that has just begun", () => {
  assert.deepEqual(formatStateSummary(startRun().status.snapshot()), [
    "State Version:    1.2.3",
    "State Running:    since 2026-01-01T00:00:00.000Z, 0s",
    "State Teleport:   auth.example.com:3025, no answer yet",
    "State Receiver:   https://fluentd.example.com/test.log",
    "State Storage:    /var/lib/handler/auth.example.com_3025",
    "State State:      starting",
    "State Lag:        not known yet",
    "State Last event: none in this run",
    "State Audit log:  0 events read, 0 delivered, 0 left out, 0 quarantined",
    "State Recordings: not forwarded",
    "State Sessions:   0 sent, 0 given up",
    "State Waiting:    0 events (0 bytes), 0 sent",
    "State Commits:    0 stored, 0 failed",
    "State Quarantine: 0 events of this run",
    "State Not ready:  teleport: Teleport has not answered yet",
  ]);
});

Deno.test("formatStateSummary() tells of the replicas", () => {
  const lines = formatStateSummary(followingRun());
  const replicas = lines.filter((line) => line.includes("Replica:"));
  assert.match(replicas[0]!, /handler-0, leads, forwards 3 streams, seen .* ago$/);
  assert.match(replicas[1]!, /handler-1, follows, forwards 4 streams, this one$/);
  assert.ok(
    lines.some((line) => line.endsWith("teleport.example.com:443, read by another replica")),
  );
});

Deno.test("formatStateSummary() says of a replica without a lease neither that it leads nor that it follows", () => {
  const text = formatStateSummary(joiningRun()).join("\n");
  assert.match(text, /State State: +joining$/m);
  assert.match(text, /, not read without a lease$/m);
  assert.match(text, /Not ready: +store: This replica has no lease yet, or has lost it$/m);
  assert.doesNotMatch(text, /leads|follow|No answer|not answered/i);
});

Deno.test("formatStateSummary() tells the lag, the last event and each trouble", async () => {
  const { clock, serverMs, status } = startRun();
  status.readFrom(serverMs - 86_400_000);
  status.useMode("paged");
  status.delivered("log", [eventAt(serverMs - 90_061_000 + 86_400_000, "an-id")]);
  status.retrying({
    streamId: "log",
    peer: "receiver",
    attempt: 3,
    reason: "Connection refused",
    delayMs: 100,
    lasting: false,
  });
  await clock.advance(1000);
  const lines = formatStateSummary(status.snapshot());
  assert.ok(lines.includes("State Teleport:   auth.example.com:3025, read by pages"));
  assert.ok(lines.includes("State State:      catching up from 2025-12-31T00:00:00.000Z"));
  assert.ok(lines.includes("State Lag:        1h 1m 2s"));
  assert.ok(lines.some((line) => line.includes("test an-id of 2025-12-31T22:58:59.000Z")));
  assert.ok(
    lines.includes(
      "State Not ready:  receiver: Connection refused (stream log, 3 failed attempts)",
    ),
  );
});
