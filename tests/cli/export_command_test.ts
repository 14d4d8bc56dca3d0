import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startAuthpeerRig } from "../support/authpeer_rig.ts";
import { buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";

const RUN = fileURLToPath(new URL("../../scripts/run", import.meta.url));
const HOUR_MS = 3_600_000;

/** Settings of Teleport alone: an export needs no others. */
function settingsOf(peers: FakePeers): string[] {
  return [
    "--teleport-addr",
    peers.auth.address,
    "--teleport-identity",
    peers.files.teleport.identity,
  ];
}

async function runExport(peers: FakePeers, ...flags: readonly string[]) {
  await using program = startProgram({ args: ["export", ...settingsOf(peers), ...flags] });
  const { code } = await program.waitForExit();
  return { code, lines: program.stdout, err: program.stderr.join("\n") };
}

async function startPeers(): Promise<FakePeers> {
  return await startFakePeers({ events: buildEvents({ count: 400, spanMs: 100 * HOUR_MS }) });
}

const FROM_MS = FIRST_EVENT_MS + 10 * HOUR_MS;
const TO_MS = FIRST_EVENT_MS + 60 * HOUR_MS;
const SPAN = ["--from", new Date(FROM_MS).toISOString(), "--to", new Date(TO_MS).toISOString()];

Deno.test("export writes exactly the events of a span of time, in order and as they are, without storage and Fluentd", async () => {
  await using peers = await startPeers();
  const expected = peers.auth.events.filter(({ timeMs }) => timeMs >= FROM_MS && timeMs < TO_MS);
  const { code, err, lines } = await runExport(peers, ...SPAN);
  assert.equal(code, 0, err);
  assert.deepEqual(lines.map((line) => JSON.parse(line)), expected.map(({ fields }) => fields));
  assert.equal(
    err,
    `Exported ${expected.length} events from 2026-01-01T10:00:00Z to 2026-01-03T12:00:00Z`,
  );
  assert.deepEqual(peers.receiver.events, []);
});

Deno.test("export filters by types and skip-event-types, and writes CSV to a file that is put in place whole", async () => {
  await using peers = await startPeers();
  const wanted = ["user.login", "session.end"];
  const expected = peers.auth.events.filter((event) =>
    event.type === "user.login" && event.timeMs >= FROM_MS && event.timeMs < TO_MS
  );
  const file = `${peers.folder}/events.csv`;
  await Deno.writeTextFile(file, "before");
  const { code, err, lines } = await runExport(
    peers,
    ...SPAN,
    ...["--types", wanted.join(","), "--skip-event-types", "session.end"],
    ...["--format", "csv", "--fields", "uid,event,success", "--output", file],
  );
  assert.equal(code, 0, err);
  assert.deepEqual(lines, []);
  assert.match(err, new RegExp(`^Exported ${expected.length} events from .* to '.*events\\.csv'$`));
  const rows = expected.map(({ fields, id }) => `${id},user.login,${fields["success"]}`);
  assert.equal(await Deno.readTextFile(file), ["uid,event,success", ...rows, ""].join("\n"));
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
});

Deno.test("export whose reader goes away ends quietly", async () => {
  await using peers = await startPeers();
  const command = [RUN, "export", ...settingsOf(peers), ...SPAN].map((word) => `'${word}'`).join(
    " ",
  );
  const { code, stderr, stdout } = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${command} | head -n 1`],
  }).output();
  const err = new TextDecoder().decode(stderr);
  assert.equal(code, 0, err);
  assert.equal(new TextDecoder().decode(stdout).split("\n").length, 2);
  assert.match(err, /^Exported \d+ events? .*(; whoever read them did not want more)?\n$/);
});

Deno.test("export that is stopped says so, and leaves no file", async () => {
  await using peers = await startPeers();
  const hung = peers.auth.holdNext();
  const file = `${peers.folder}/events.jsonl`;
  await using program = startProgram({
    args: ["export", ...settingsOf(peers), ...SPAN, "--output", file],
  });
  await hung.reached;
  program.kill("SIGTERM");
  const { code } = await program.waitForExit();
  assert.equal(code, 1);
  assert.match(program.stderr.at(-1)!, /^Stopped before the end: .*; no file is left$/);
  const names = (await Array.fromAsync(Deno.readDir(peers.folder))).map(({ name }) => name);
  assert.deepEqual(names.filter((name) => name.startsWith("events")), []);
});

for (
  const [what, flags, code, words] of [
    [
      "a folder for its file",
      ["--output", "/tmp"],
      1,
      /Cannot write '\/tmp': It is no regular file/,
    ],
    [
      "a folder that is not there",
      ["--output", "/tmp/no such folder/x"],
      1,
      /Cannot write '\/tmp\/no such folder\/x': No such file/,
    ],
    ["an unknown flag", ["--formt", "csv"], 2, /--formt: Unknown flag/],
    ["a setting that is wrong", ["--batch", "x"], 2, /--batch/],
  ] as const
) {
  Deno.test(`export refuses ${what}`, async () => {
    await using peers = await startFakePeers();
    const result = await runExport(peers, ...SPAN, ...flags);
    assert.equal(result.code, code, result.err);
    assert.match(result.err, words);
  });
}

Deno.test("export tells of an event that has no JSON, leaves it out, and ends with 1", async () => {
  const [first, odd, last] = buildEvents({ count: 3, startMs: FROM_MS, spanMs: HOUR_MS });
  const payload = new Uint8Array([255, 255]);
  await using peers = await startFakePeers({ events: [first!, { ...odd!, payload }, last!] });
  const { code, err, lines } = await runExport(peers, ...SPAN);
  assert.equal(code, 1);
  assert.equal(lines.length, 2);
  assert.match(err, new RegExp(`Event left out.*${odd!.id}`));
  assert.match(err, /Exported 2 events .*; 1 left out, because they have no JSON$/);
});

Deno.test("export ends at once when Teleport is away, and says what to try", async () => {
  await using peers = await startFakePeers();
  await peers.auth.refuse();
  const { code, err } = await runExport(peers, ...SPAN);
  assert.equal(code, 1);
  assert.match(err, /Teleport at .*: .*Try doctor with the same settings; nothing was exported/);
});

peerTest(
  "export reads a server with bulk export too, from one moment to the other",
  { needs: ["AUTHPEER"] },
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "bulk", events: 4000, days: 10 },
    });
    const all = await rig.authpeer.readEvents();
    const [from, to] = [all[500]!, all[3500]!].map(({ timeMs }) => new Date(timeMs).toISOString());
    const span = ["--from", from!, "--to", to!];
    await using program = startProgram({
      args: ["export", "--config", rig.config, ...span],
    });
    const { code } = await program.waitForExit();
    assert.equal(code, 0, program.stderr.join("\n"));
    const expected = all.filter(({ timeMs }) =>
      timeMs >= Date.parse(from!) && timeMs < Date.parse(to!)
    );
    assert.ok(expected.length > 2500, `${expected.length}`);
    assert.deepEqual(
      program.stdout.map((line) => JSON.parse(line).uid),
      expected.map(({ id }) => id),
    );
  },
);
