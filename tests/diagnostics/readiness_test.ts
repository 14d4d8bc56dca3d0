import assert from "node:assert/strict";
import { CONDITION_NAMES, judgeReadiness } from "../../src/diagnostics/readiness.ts";
import type { ReplicaRole, ReplicaStatus } from "../../src/diagnostics/run_snapshot.ts";
import type { RunStatus } from "../../src/diagnostics/run_status.ts";
import { startRun } from "./run_rig.ts";

const RETRY = { streamId: "log", attempt: 2, reason: "It is away", delayMs: 100 };
const CREDENTIAL = {
  name: "fluentd_client",
  path: "client.crt",
  subject: "client",
  notBeforeMs: 0,
  replacedMs: undefined,
  problem: undefined,
} as const;

/** The conditions that do not hold, and why. */
function problemsOf(status: RunStatus): Record<string, string> {
  const failing = judgeReadiness(status.snapshot()).filter(({ problem }) => problem !== undefined);
  return Object.fromEntries(failing.map(({ name, problem }) => [name, problem!]));
}

/** A run to which Teleport has answered. */
function startReadyRun() {
  const rig = startRun();
  rig.status.useMode("paged");
  return rig;
}

Deno.test("judgeReadiness() judges each condition once, in their order", () => {
  const conditions = judgeReadiness(startRun().status.snapshot());
  assert.deepEqual(conditions.map(({ name }) => name), CONDITION_NAMES);
});

Deno.test("a run is not ready before Teleport has answered, and is so then", () => {
  const { status } = startRun();
  assert.deepEqual(problemsOf(status), { teleport: "Teleport has not answered yet" });
  status.useMode("bulk");
  assert.deepEqual(problemsOf(status), {});
});

Deno.test("a replica that follows is ready, though it does not read the log, and one without a lease is not", () => {
  const { status } = startRun();
  const replica: ReplicaStatus = {
    name: "one",
    role: "joining",
    epoch: undefined,
    claims: 0,
    takeovers: 0,
    fencedWrites: 0,
    replicas: [],
  };
  let role: ReplicaRole = "joining";
  status.useReplica(() => ({ ...replica, role }));
  assert.deepEqual(problemsOf(status), {
    store: "This replica has no lease yet, or has lost it",
  });
  role = "follower";
  status.follows();
  assert.deepEqual(problemsOf(status), {});
  assert.equal(status.snapshot().lagMs, undefined);
  role = "leader";
  assert.deepEqual(Object.keys(problemsOf(status)), ["teleport"]);
  status.useMode("bulk");
  assert.deepEqual(problemsOf(status), {});
});

for (const streamId of ["log", "bulk"]) {
  Deno.test(`a run whose ${streamId} cannot be read is not ready until it can`, () => {
    const { status } = startReadyRun();
    status.retrying({ ...RETRY, streamId, peer: "source", lasting: false });
    assert.deepEqual(problemsOf(status), {
      teleport: `It is away (stream ${streamId}, 2 failed attempts)`,
    });
    status.recovered(streamId, "source");
    assert.deepEqual(problemsOf(status), {});
  });
}

Deno.test("a recording that cannot be read is no reason not to be ready", () => {
  const { status } = startReadyRun();
  status.retrying({ ...RETRY, streamId: "session/s1", peer: "source", lasting: false });
  assert.deepEqual(problemsOf(status), {});
});

for (const [name, lasting] of [["receiver", false], ["receiver-setup", true]] as const) {
  Deno.test(`a run is not ready while ${name} fails, whichever stream it fails`, () => {
    const { status } = startReadyRun();
    status.retrying({ ...RETRY, streamId: "session/s1", attempt: 1, peer: "receiver", lasting });
    assert.deepEqual(problemsOf(status), {
      [name]: "It is away (stream session/s1, 1 failed attempt)",
    });
    status.recovered("session/s1", "receiver");
    assert.deepEqual(problemsOf(status), {});
  });
}

Deno.test("a run is not ready while the store takes nothing", () => {
  const { status } = startReadyRun();
  status.commitFailed("Disk is full");
  assert.deepEqual(problemsOf(status), { store: "Disk is full" });
  status.committed();
  assert.deepEqual(problemsOf(status), {});
});

Deno.test("a run is not ready while the quarantine takes nothing", () => {
  const { status } = startReadyRun();
  status.retrying({ ...RETRY, peer: "state", lasting: false });
  assert.deepEqual(Object.keys(problemsOf(status)), ["store"]);
  status.recovered("log", "state");
  assert.deepEqual(problemsOf(status), {});
});

Deno.test("a run whose streams are begun anew is ready, whatever failed of those that ended", () => {
  const { status } = startReadyRun();
  // Streams that end while they wait for a peer never say that it works again.
  for (const peer of ["source", "receiver", "state"] as const) {
    status.retrying({ ...RETRY, peer, lasting: false });
    status.retrying({ ...RETRY, streamId: "chunk", peer, lasting: peer === "receiver" });
  }
  status.stalled("log", "the same page again");
  status.queued("log", { events: 3, bytes: 30 });
  status.commitFailed("It has not answered");
  assert.deepEqual(Object.keys(problemsOf(status)), [
    "teleport",
    "receiver",
    "receiver-setup",
    "store",
    "progress",
  ]);
  status.beginAnew();
  assert.deepEqual(problemsOf(status), { teleport: "Teleport has not answered yet" });
  status.useMode("bulk");
  assert.deepEqual(problemsOf(status), {});
  assert.equal(status.snapshot().queue.events, 0);
});

Deno.test("a run is not ready from the end of a certificate until there is a new one", async () => {
  const { clock, status } = startReadyRun();
  let notAfterMs = clock.nowMs() + 1000;
  status.useCredentials({ list: () => [{ ...CREDENTIAL, notAfterMs }] });
  assert.deepEqual(problemsOf(status), {});
  await clock.advance(1000);
  assert.deepEqual(problemsOf(status), {
    credentials:
      "The certificate 'client.crt' (fluentd_client) expired at 2026-01-01T00:00:01.000Z",
  });
  notAfterMs += 1000;
  assert.deepEqual(problemsOf(status), {});
});

Deno.test("a run is not ready while it makes no progress", () => {
  const { status } = startReadyRun();
  status.stalled("log", "the same page again");
  assert.deepEqual(problemsOf(status), { progress: "log: the same page again" });
  status.recovered("log", "source");
  assert.deepEqual(problemsOf(status), {});
});

Deno.test("a run that stops is not ready", () => {
  const { status } = startReadyRun();
  status.stopping();
  assert.deepEqual(problemsOf(status), { running: "The handler is stopping" });
});
