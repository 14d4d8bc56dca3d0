import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import { writeTeleportFiles } from "../support/certificates.ts";
import { buildEvent, buildEvents, type FakeEvent } from "../support/events.ts";
import { startAuthpeerRig } from "../support/authpeer_rig.ts";
import { startFakeAuthServer } from "../support/fake_auth_server.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { startFluentd } from "../support/fluentd.ts";
import { Gate } from "../support/gate.ts";
import { judge } from "../support/judge.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { storageFolder, writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const START_MS = Date.now() - 2 * 86_400_000;
const START_TIME = `"${new Date(START_MS - 1000).toISOString()}"`;

/** Ids and reasons of what lies in the quarantine of a storage folder. */
async function readQuarantine(storage: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { content } of new QuarantineFolder(`${storage}/quarantine`).read()) {
    assert.ok("id" in content, JSON.stringify(content));
    found.set(content.id, content.reason);
  }
  return found;
}

/** No Struct: the length of the first field reaches beyond the end. */
const NO_STRUCT = new Uint8Array([0x0a, 0x7f, 0x00]);

/** Good events, and one at each given place that is made otherwise. No recordings follow. */
function buildOddEvents(
  count: number,
  odd: { readonly [index: number]: FakeEvent["fields"] | Uint8Array<ArrayBuffer> },
): FakeEvent[] {
  const types = ["user.login", "exec", "cert.create"];
  const events = buildEvents({ count, startMs: START_MS, spanMs: 86_400_000, types });
  return events.map((event, i) => {
    const change = odd[i];
    if (change === undefined) return event;
    if (change instanceof Uint8Array) return { ...event, payload: change };
    return { ...event, fields: { ...event.fields, ...change } };
  });
}

for (const variable of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"]) {
  const executable = Deno.env.get(variable) ?? "";
  const version = Deno.env.get(`${variable}_VERSION`) ?? `of ${variable}`;
  Deno.test({
    name:
      `Events that Fluentd ${version} refuses, or that are no JSON, lie in quarantine, all others arrive${
        executable === "" ? " [not there]" : ""
      }`,
    ignore: executable === "",
    async fn() {
      await using folder = await temporaryFolder();
      // Requests of all events are over the limit too, and have to be halved.
      const odd = {
        20: { time: "yesterday" },
        40: { argv: "x".repeat(400_000) },
        60: NO_STRUCT,
        80: { argv: "y".repeat(3_000_000) },
        100: { argv: "z".repeat(40_000) },
      };
      const events = buildOddEvents(200, odd);
      await using auth = await startFakeAuthServer({ events });
      await Deno.mkdir(folder.join("fluentd"));
      await using fluentd = await startFluentd({
        executable,
        folder: folder.join("fluentd"),
        bodySizeLimit: 64 * 1024,
        chunkLimitSize: 32 * 1024,
      });
      const settings = {
        folder: folder.path,
        address: auth.address,
        identity: (await writeTeleportFiles(folder.path)).identity,
        url: (path: string) => fluentd.url(path),
        files: fluentd.files,
        extra: { "start-time": START_TIME, "exit-on-last-event": "true" },
      };
      const config = await writeSettings(settings);
      await using program = startProgram({ args: ["start", "--config", config] });
      assert.equal((await program.waitForExit()).code, 0, program.stderr.join("\n"));
      await fluentd.stop();
      const ids = (await fluentd.readRecords("test.log")).map((record) => record["uid"]);
      // Fluentd 1.18 stores the events beside the one that is too large for a chunk.
      assert.deepEqual(
        [...new Set(ids)],
        events.map(({ id }) => id).filter((_, i) => !(i in odd)),
      );
      const quarantine = await readQuarantine(storageFolder(settings));
      assert.deepEqual(
        [...quarantine.keys()].sort(),
        Object.keys(odd).map((i) => events[Number(i)]!.id).sort(),
      );
      assert.match(quarantine.get(events[20]!.id)!, /^HTTP 400: .*(time|date)/);
      assert.match(quarantine.get(events[40]!.id)!, /^HTTP 413/);
      assert.match(quarantine.get(events[60]!.id)!, /not a well-formed Struct/);
      assert.match(quarantine.get(events[80]!.id)!, /^HTTP 413/);
      assert.match(quarantine.get(events[100]!.id)!, /^HTTP 500: .*larger than buffer chunk limit/);
    },
  });
}

/** Starts a handler that sends twenty events at a time, as often as a test likes. */
function startHandler(peers: FakePeers, ...args: string[]) {
  return startProgram({
    args: ["start", "--config", peers.config, "--fluentd-batch-events", "20", ...args],
  });
}

const HALT = ["--on-rejected", "halt"];

for (
  const [what, fields, reason] of [
    [
      "an event that Fluentd refuses",
      { user: "refused" },
      "HTTP 400: Bad Request scripted rejection",
    ],
    [
      "an event that is no JSON",
      NO_STRUCT,
      "Payload is not a well-formed Struct: ",
    ],
  ] as const
) {
  Deno.test(`With on-rejected = "halt" the handler ends before ${what}, at each start again, and repeats nothing`, async () => {
    const events = buildOddEvents(100, { 70: fields });
    await using peers = await startFakePeers({ events, extra: { "start-time": START_TIME } });
    peers.receiver.rejectIf((event) => event["user"] === "refused");
    const bad = events[70]!;
    const before = events.slice(0, 70).map(({ id }) => id);
    for (const run of ["first", "second"]) {
      await using program = startHandler(peers, ...HALT);
      assert.equal((await program.waitForExit()).code, 1, run);
      const last = program.stderr.at(-1)!;
      assert.ok(last.includes(`The event '${bad.id}' (${bad.type}, `), last);
      assert.ok(last.includes(`) is refused: ${reason}`), last);
      assert.match(last, /start with --on-rejected quarantine to set it aside$/);
      const ids = peers.receiver.fieldsOf("/test.log").map((event) => event["uid"]);
      assert.deepEqual(ids, before, run);
    }
    assert.equal((await readQuarantine(peers.storage)).size, 0);
    await using program = startHandler(peers, "--exit-on-last-event");
    assert.equal((await program.waitForExit()).code, 0);
    assert.deepEqual([...(await readQuarantine(peers.storage)).keys()], [bad.id]);
    const expected = events.filter((event) => event !== bad);
    const ids = peers.receiver.fieldsOf("/test.log").map((event) => event["uid"]);
    assert.deepEqual(ids, expected.map(({ id }) => id));
  });
}

Deno.test("A full quarantine holds the export back, says so as an error, and loses nothing", async () => {
  const events = buildOddEvents(60, { 30: { user: "refused" } });
  await using peers = await startFakePeers({
    events,
    extra: { "start-time": START_TIME, "quarantine-max-size": '"1MiB"' },
  });
  peers.receiver.rejectIf((event) => event["user"] === "refused");
  const full = `${peers.storage}/quarantine/events-000001.jsonl`;
  await Deno.mkdir(`${peers.storage}/quarantine`, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(full, `${"x".repeat(1024 * 1024 - 1)}\n`);
  await using program = startHandler(peers);
  await program.waitForLine(
    /^ERRO.*Storage needs attention, trying again: The quarantine '.*' is full: it holds 1 MiB, and quarantine-max-size is 1 MiB\. .*state quarantine replay --all/,
  );
  assert.ok(peers.receiver.events.length < 60);
  await Deno.remove(full);
  await program.waitForLine(/Storage is available again/);
  await peers.receiver.waitForEvents(59);
  assert.deepEqual([...(await readQuarantine(peers.storage)).keys()], [events[30]!.id]);
});

for (
  const [what, answer, words] of [
    [
      "404",
      { status: 404, body: "no such path" },
      "the path of the URL is not known there (HTTP 404: no such path); check the path in " +
      "fluentd.url and fluentd.session-url",
    ],
    [
      "400",
      { status: 400, body: "400 Bad Request\ninvalid date" },
      "every event is refused (HTTP 400: Bad Request invalid date); look at <parse>",
    ],
  ] as const
) {
  Deno.test(`A receiver that answers ${what} to everything is told as an error with what to do, and nothing is quarantined`, async () => {
    await using peers = await startFakePeers({
      events: buildOddEvents(50, {}),
      extra: { "start-time": START_TIME },
    });
    const accept = peers.receiver.rejectIf(() => true, answer);
    await using program = startHandler(peers);
    const line = await program.waitForLine(/^ERRO.*Fluentd needs attention/);
    assert.ok(line.includes(words), line);
    accept();
    const fresh = buildEvent({ timeMs: Date.now() });
    peers.auth.append([fresh]);
    await peers.receiver.waitForEvents(51);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
    const expected = peers.auth.events.map(({ fields, id }) => ({ id, body: fields }));
    assert.deepEqual(judge(expected, peers.receiver.fieldsOf("/test.log")), { repeats: 0 });
    assert.equal((await readQuarantine(peers.storage)).size, 0);
  });
}

Deno.test("An event that is refused while Teleport goes away is not to blame for that", async () => {
  const events = buildOddEvents(5, {});
  await using peers = await startFakePeers({ events, extra: { "start-time": START_TIME } });
  await using program = startHandler(peers);
  await peers.receiver.waitForEvents(5);
  const accept = peers.receiver.rejectIf(() => true, { status: 400, body: "no good" });
  peers.auth.append([buildEvent({ timeMs: Date.now() })]);
  await program.waitForLine(/^ERRO.*an event is refused, and there is no other yet to compare/);
  peers.auth.failNext({ code: Code.Unavailable, message: "gone for a while" });
  await program.waitForLine(/Teleport is not available, trying again.*gone for a while/);
  await program.waitForLine(/Teleport is available again/);
  accept();
  await peers.receiver.waitForEvents(6);
  program.kill("SIGTERM");
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal((await readQuarantine(peers.storage)).size, 0);
});

Deno.test("Events that are refused while the handler stops are left to its next start", async () => {
  const events = buildOddEvents(5, {});
  await using peers = await startFakePeers({ events, extra: { "start-time": START_TIME } });
  await using program = startHandler(peers);
  await peers.receiver.waitForEvents(5);
  const gate = new Gate();
  peers.receiver.answerNext({ gate, status: 400, body: "no good" });
  peers.auth.append([buildEvent({ timeMs: Date.now() })]);
  await gate.reached;
  program.kill("SIGTERM");
  await program.waitForLine(/Stopping/);
  gate.open();
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal((await readQuarantine(peers.storage)).size, 0);
  await using next = startHandler(peers);
  await peers.receiver.waitForEvents(6);
  next.kill("SIGTERM");
  assert.equal((await next.waitForExit()).code, 0);
});

peerTest(
  "A receiver that begins to refuse everything gets the end of one chunk set aside, is told as an error, and gets all others later",
  { needs: ["AUTHPEER"] },
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "bulk", events: 20, "chunk-delay": "100ms", days: 0.1, sessions: 0 },
    });
    const { authpeer, receiver } = rig;
    await using program = startProgram({ args: ["start", "--config", rig.config] });
    await receiver.waitForEvents(20);
    await program.waitForLine(/Caught up/);
    const accept = receiver.rejectIf(() => true, { status: 400, body: "no good" });
    await authpeer.append({ count: 1 });
    await program.waitForLine(/Event quarantined/);
    const attention = program.waitForLine(/^ERRO.*Fluentd needs attention/);
    for (let n = 0; n < 5; n++) await authpeer.append({ count: 1 });
    await attention;
    assert.equal((await readQuarantine(rig.storage)).size, 1);
    accept();
    await receiver.waitForEvents(25);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
    assert.equal((await readQuarantine(rig.storage)).size, 1);
  },
);
