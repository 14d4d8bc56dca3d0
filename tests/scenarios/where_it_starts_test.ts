import assert from "node:assert/strict";
import { buildEvent, buildEvents } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

const DAY_MS = 86_400_000;

/** Runs the handler to the last event and returns its exit code and what it said. */
async function runToTheEnd(peers: FakePeers, flags: readonly string[] = []) {
  await using program = startProgram({
    args: ["start", "--config", peers.config, "--exit-on-last-event", ...flags],
  });
  const { code } = await program.waitForExit();
  return { code, output: program.stderr.join("\n") };
}

function receivedIds(peers: FakePeers): unknown[] {
  return peers.receiver.fieldsOf("/test.log").map((fields) => fields["uid"]);
}

function eventsOf(days: number, count = 20) {
  return buildEvents({ count, startMs: Date.now() - days * DAY_MS, spanMs: (days - 0.1) * DAY_MS });
}

function isoDaysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString();
}

Deno.test("Without start-time the first run begins now, and a later one goes on from there", async () => {
  await using peers = await startFakePeers({ events: eventsOf(3) });
  assert.equal((await runToTheEnd(peers)).code, 0);
  assert.deepEqual(receivedIds(peers), []);
  const fresh = buildEvent({ timeMs: Date.now() });
  peers.auth.append([fresh]);
  assert.equal((await runToTheEnd(peers)).code, 0);
  assert.deepEqual(receivedIds(peers), [fresh.id]);
});

Deno.test("With start-time everything since then arrives, and nothing older", async () => {
  await using peers = await startFakePeers({ events: eventsOf(10, 100) });
  const since = isoDaysAgo(5);
  await runToTheEnd(peers, ["--start-time", since]);
  const expected = peers.auth.events.filter((e) => e.timeMs >= Date.parse(since) - 1000);
  assert.deepEqual(receivedIds(peers), expected.map((event) => event.id));
});

Deno.test("The same start-time is accepted again, in another zone too, and another is refused", async () => {
  await using peers = await startFakePeers({ events: eventsOf(1) });
  assert.equal((await runToTheEnd(peers, ["--start-time", "2026-01-01T00:00:00Z"])).code, 0);
  assert.equal((await runToTheEnd(peers, ["--start-time", "2026-01-01T02:00:00+02:00"])).code, 0);
  const { code, output } = await runToTheEnd(peers, ["--start-time", "2026-01-02T00:00:00Z"]);
  assert.equal(code, 78);
  assert.match(output, /You can not change start time in the middle of ingestion/);
  assert.match(output, /2026-01-02T00:00:00.000Z.*2026-01-01T00:00:00.000Z/);
  assert.match(output, /stop the handler and run: state reset/);
});

Deno.test("With cursor and no state the export goes on after that event", async () => {
  await using peers = await startFakePeers({ events: eventsOf(5, 50) });
  const events = peers.auth.events;
  await runToTheEnd(peers, ["--cursor", events[29]!.id]);
  assert.deepEqual(receivedIds(peers), events.slice(30).map((event) => event.id));
});

Deno.test("With cursor, events of the same second as that event are neither lost nor repeated", async () => {
  const timeMs = Math.floor(Date.now() / 1000) * 1000 - DAY_MS;
  const events = Array.from({ length: 10 }, (_, i) => buildEvent({ timeMs: timeMs + i * 10 }));
  await using peers = await startFakePeers({ events });
  await runToTheEnd(peers, ["--cursor", events[4]!.id, "--start-time", isoDaysAgo(30)]);
  assert.deepEqual(receivedIds(peers), events.slice(5).map((event) => event.id));
});

Deno.test("A cursor that names no event is refused with what to do, and nothing is stored", async () => {
  await using peers = await startFakePeers({ events: eventsOf(2) });
  const { code, output } = await runToTheEnd(peers, ["--cursor", "no-such-event"]);
  assert.equal(code, 78);
  assert.match(output, /Cannot find the event 'no-such-event'.*start-time/);
  assert.equal((await runToTheEnd(peers, ["--cursor", peers.auth.events[9]!.id])).code, 0);
  assert.equal(receivedIds(peers).length, 10);
});

Deno.test("A dry run sends nothing, says so, and leaves the stored position alone", async () => {
  await using peers = await startFakePeers({ events: eventsOf(2) });
  const since = ["--start-time", isoDaysAgo(3)];
  const { code, output } = await runToTheEnd(peers, [...since, "--dry-run"]);
  assert.equal(code, 0);
  assert.match(output, /Dry run: nothing is sent/);
  assert.match(output, /would be sent/);
  assert.equal(peers.receiver.requests.length, 0);
  await assert.rejects(Deno.stat(peers.storage), Deno.errors.NotFound);
  await runToTheEnd(peers, since);
  assert.equal(receivedIds(peers).length, 20);
});

Deno.test("Filters by type hold, and the position moves past what they drop", async () => {
  await using peers = await startFakePeers({ events: eventsOf(2, 200) });
  const flags = [
    "--start-time",
    "2026-01-01T00:00:00Z",
    "--types",
    "user.login,exec,session.upload",
  ];
  await runToTheEnd(peers, [...flags, "--skip-event-types", "exec"]);
  const wanted = peers.auth.events.filter((event) =>
    ["user.login", "session.upload"].includes(event.type)
  );
  assert.deepEqual(receivedIds(peers), wanted.map((event) => event.id));
  const before = peers.auth.requests.length;
  await runToTheEnd(peers, [...flags, "--skip-event-types", "exec"]);
  assert.equal(receivedIds(peers).length, wanted.length);
  assert.ok(peers.auth.requests.length - before < 4);
});

Deno.test("fluentd-batch-events = 1 posts each event as a bare object", async () => {
  await using peers = await startFakePeers({ events: eventsOf(1, 5) });
  await runToTheEnd(peers, ["--start-time", isoDaysAgo(2), "--fluentd-batch-events", "1"]);
  const texts = peers.receiver.requests.map((post) => new TextDecoder().decode(post.body));
  assert.deepEqual(texts, peers.auth.events.map((event) => JSON.stringify(event.fields)));
});

for (
  const [name, identity, pattern] of [
    ["expired", "identityExpired", /expired at \d{4}-.*tctl auth sign/],
    ["missing", "missing", /identity.*no-such-file/s],
  ] as const
) {
  Deno.test(`An identity that is ${name} ends the start with 78 and a way out, before anything is stored`, async () => {
    await using peers = await startFakePeers();
    const path = identity === "missing"
      ? `${peers.folder}/no-such-file`
      : peers.files.teleport[identity];
    const { code, output } = await runToTheEnd(peers, ["--teleport-identity", path]);
    // A flag that names no file is a mistake of the command line.
    assert.equal(code, identity === "missing" ? 2 : 78);
    assert.match(output, pattern);
    await assert.rejects(Deno.stat(peers.storage), Deno.errors.NotFound);
  });
}

for (
  const [name, identity, pattern] of [
    ["signed by another cluster", "identityWrongCa", /Teleport is not available/],
    [
      "of a cluster that is not the server's",
      "identityUntrusting",
      /not signed by the cluster's certificate authority/,
    ],
  ] as const
) {
  Deno.test(`An identity ${name} is reported, and the handler keeps trying`, async () => {
    await using peers = await startFakePeers();
    await using program = startProgram({
      args: [
        "start",
        "--config",
        peers.config,
        "--teleport-identity",
        peers.files.teleport[identity],
      ],
    });
    await program.waitForLine(pattern);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
  });
}

Deno.test("Two handlers cannot share a storage: the second names the first and ends", async () => {
  await using peers = await startFakePeers();
  const args = ["start", "--config", peers.config];
  await using first = startProgram({ args });
  await first.waitForLine(/Caught up/);
  const { code, output } = await runToTheEnd(peers);
  assert.equal(code, 1);
  assert.match(output, new RegExp(`in use by the handler with pid ${first.pid}\\b`));
});

Deno.test("No output of a run holds a private key or the passphrase", async () => {
  await using peers = await startFakePeers({ events: eventsOf(1) });
  await using program = startProgram({
    args: [
      "start",
      "--config",
      peers.config,
      "--debug",
      "--exit-on-last-event",
      "--start-time",
      isoDaysAgo(2),
    ],
    env: { FDFWD_FLUENTD_KEY_PASSPHRASE: "correct horse battery staple" },
  });
  await program.waitForExit();
  const output = [...program.stderr, ...program.stdout].join("\n");
  assert.match(output, /DEBU/);
  assert.ok(!output.includes("correct horse"));
  for (const path of [peers.files.clientKey, peers.files.teleport.identity]) {
    const lines = (await Deno.readTextFile(path)).split("\n").filter((line) => line.length > 40);
    for (const line of lines) {
      assert.ok(!output.includes(line), "a line of key material was printed");
    }
  }
  assert.ok(!output.includes("cluster_name"), "a payload was printed");
});
