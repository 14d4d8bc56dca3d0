import assert from "node:assert/strict";
import { type AuthpeerRig, startAuthpeerRig } from "../support/authpeer_rig.ts";
import { buildEvent, buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";

const NEEDS = { needs: ["AUTHPEER"] as const };

Deno.test("Events that appear late, with past times, all arrive once while the handler is live", async () => {
  await using peers = await startFakePeers({
    events: buildEvents({ count: 30, startMs: Date.now() - 3_600_000, spanMs: 3_590_000 }),
    extra: { "start-time": `"${new Date(Date.now() - 7_200_000).toISOString()}"` },
  });
  await using program = startProgram({ args: ["start", "--config", peers.config] });
  await program.waitForLine(/Caught up/);
  for (const agoMs of [1000, 30_000, 120_000, 240_000]) {
    peers.auth.append([
      buildEvent({ timeMs: Date.now() - agoMs }),
      buildEvent({ timeMs: Date.now() }),
    ]);
    await peers.receiver.waitForEvents(peers.auth.events.length);
  }
  program.kill("SIGTERM");
  await program.waitForExit();
  // Neither does a restart read anything of it again.
  await using again = startProgram({
    args: ["start", "--config", peers.config, "--exit-on-last-event"],
  });
  await again.waitForExit();
  const ids = peers.receiver.fieldsOf("/test.log").map((fields) => String(fields["uid"]));
  assert.deepEqual(ids.sort(), peers.auth.events.map((event) => event.id).sort());
});

Deno.test("With lookback = 0s only what is newer than the last event is looked for", async () => {
  await using peers = await startFakePeers({
    extra: {
      "start-time": `"${new Date(Date.now() - 7_200_000).toISOString()}"`,
      lookback: '"0s"',
    },
  });
  await using program = startProgram({ args: ["start", "--config", peers.config] });
  await program.waitForLine(/Caught up/);
  peers.auth.append([buildEvent({ timeMs: Date.now() })]);
  await peers.receiver.waitForEvents(1);
  peers.auth.append([buildEvent({ timeMs: Date.now() - 60_000 })]);
  const last = buildEvent({ timeMs: Date.now() });
  peers.auth.append([last]);
  await peers.receiver.waitForEvents(2);
  assert.equal(peers.receiver.fieldsOf("/test.log").at(-1)!["uid"], last.id);
});

/** How often each event arrived. */
function countArrivals(rig: AuthpeerRig): Map<string, number> {
  const counts = new Map<string, number>();
  for (const fields of rig.receiver.fieldsOf("/test.log")) {
    const id = String(fields["uid"]);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

peerTest(
  "A server that gains bulk export is read by chunks from where the pages ended",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "legacy", events: 1000, days: 5, "chunk-delay": "200ms" },
    });
    const args = ["start", "--config", rig.config];
    await using program = startProgram({ args });
    await program.waitForLine(/by pages/);
    await program.waitForLine(/Caught up/);
    await rig.authpeer.control("/mode", { mode: "bulk" });
    await program.waitForLine(/by chunks/);
    await rig.authpeer.append({ count: 20 });
    await rig.receiver.waitForEvents(1020);
    const counts = countArrivals(rig);
    const expected = await rig.authpeer.readEvents();
    assert.deepEqual(
      expected.filter((event) => counts.get(event.id) !== 1).map((event) => event.id),
      [],
    );
  },
);

peerTest(
  "A server that loses bulk export is read by pages, and nothing is lost",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "bulk", events: 1000, days: 5, "chunk-events": 50, "chunk-delay": "200ms" },
    });
    await using program = startProgram({ args: ["start", "--config", rig.config] });
    await program.waitForLine(/Caught up/);
    await rig.authpeer.control("/mode", { mode: "legacy" });
    await rig.authpeer.append({ count: 20 });
    await program.waitForLine(/by pages/);
    const expected = await rig.authpeer.readEvents();
    const last = expected.at(-1)!.id;
    await rig.receiver.waitForRequest(
      (post) => post.events.some((event) => event["uid"] === last),
      60_000,
    );
    const counts = countArrivals(rig);
    assert.deepEqual(
      expected.filter((event) => !counts.has(event.id)).map((event) => event.id),
      [],
    );
  },
);

peerTest(
  "Bulk export respects start-time inside the first day, and the filters",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({ flags: { mode: "bulk", events: 2000, days: 4 } });
    const events = await rig.authpeer.readEvents();
    const since = events[700]!.timeMs;
    await using program = startProgram({
      args: [
        "start",
        "--config",
        rig.config,
        "--exit-on-last-event",
        "--start-time",
        new Date(since).toISOString(),
        "--types",
        "user.login,exec,session.start,session.upload",
        "--skip-event-types",
        "exec",
      ],
    });
    assert.equal((await program.waitForExit()).code, 0);
    const types = ["user.login", "session.start", "session.upload"];
    const second = Math.floor(since / 1000) * 1000;
    const expected = events.filter((event) => event.timeMs >= second && types.includes(event.type));
    assert.deepEqual(
      rig.receiver.fieldsOf("/test.log").map((fields) => String(fields["uid"])).sort(),
      expected.map((event) => event.id).sort(),
    );
  },
);

peerTest("A chunk that fails holds up no other, and comes when it can", NEEDS, async () => {
  await using rig = await startAuthpeerRig({
    flags: { mode: "bulk", events: 1000, days: 5, "chunk-events": 50 },
  });
  const chunk = (await rig.authpeer.readJournal()).find((line) => line.kind === "event")!;
  await rig.authpeer.control("/fault", {
    method: "ExportUnstructuredEvents",
    match: String(chunk["chunk"]),
    kind: "status",
    code: "Unknown",
    after_messages: 10,
    times: 3,
  });
  await using program = startProgram({ args: ["start", "--config", rig.config] });
  await program.waitForLine(/Set aside for another try.*chunk\//);
  await rig.receiver.waitForEvents(1000);
  const counts = countArrivals(rig);
  assert.deepEqual([...counts.values()].filter((count) => count !== 1), []);
  program.kill("SIGTERM");
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal(await rig.countOpenStreams(), 0);
});
