import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { AuditEvent } from "../../src/core/event.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { formatQuarantineLine } from "../../src/state/quarantine_line.ts";
import { StorageLock } from "../../src/state/storage_lock.ts";
import { canMount } from "../doctor/run_doctor.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { HAS_TERMINALS, TerminalSession } from "./terminal_session.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const SESSION = "4d1f1c5e-5d2c-4a7e-8d9a-0d6a1a4c9b10";
const RUN = fileURLToPath(new URL("../../scripts/run", import.meta.url));

/** Both peers, and a quarantine of small files with these events. */
async function startWith(
  events: readonly (readonly [streamId: string, event: AuditEvent])[],
): Promise<FakePeers> {
  const peers = await startFakePeers();
  const quarantine = openQuarantine(peers);
  for (const [streamId, event] of events) {
    await quarantine.put({ streamId, event, reason: event.defect?.reason ?? "HTTP 400: no" });
  }
  return peers;
}

function openQuarantine(peers: FakePeers): QuarantineFile {
  return new QuarantineFile({
    folder: `${peers.storage}/quarantine`,
    clock: new FakeClock(NOW_MS),
    maxBytes: 2 ** 30,
    maxFileBytes: 1000,
  });
}

/** Runs `state quarantine …` to its end. */
async function run(peers: FakePeers, ...args: string[]) {
  await using program = startProgram({
    args: ["state", "quarantine", ...args, "--config", peers.config],
  });
  const { code } = await program.waitForExit();
  return { code, out: program.stdout.join("\n"), err: program.stderr.join("\n") };
}

/** Keys and ids of what the list shows. */
async function list(peers: FakePeers): Promise<{ entry: string; id?: string; defect?: string }[]> {
  const { code, err, out } = await run(peers, "list", "--json");
  assert.equal(code, 0, err);
  return JSON.parse(out).entries;
}

async function listIds(peers: FakePeers): Promise<(string | undefined)[]> {
  return (await list(peers)).map(({ id }) => id);
}

function logEvents(count: number): (readonly [string, AuditEvent])[] {
  return Array.from({ length: count }, (_, i) => ["log", makeEvent(`e${i}`)]);
}

Deno.test("state quarantine list shows all entries as a table and as JSON, beside a handler that runs", async () => {
  const odd = { ...makeEvent("a\x1b[2Jb", { type: "exec" }), timeMs: 9e21 };
  await using peers = await startWith([
    ["log", makeEvent("first", { type: "user.login" })],
    [`session/${SESSION}`, odd],
  ]);
  const path = openQuarantine(peers).path;
  await Deno.writeTextFile(path, '{"quarantinedAt":"2026', { append: true });
  using _handler = await StorageLock.acquire(peers.storage, 1);
  const { code, err, out } = await run(peers, "list");
  assert.deepEqual([code, err], [0, ""]);
  const lines = out.split("\n");
  assert.match(lines[0]!, /^ENTRY {9}QUARANTINED {11}STREAM {2,}TYPE {2,}EVENT {2,}REASON$/);
  assert.match(
    lines[1]!,
    /^[0-9a-f]{12} {2}2026-01-02T03:04:05Z {2}log {2,}user\.login {2,}first {2,}HTTP 400: no$/,
  );
  assert.ok(lines[2]!.includes(`  session/${SESSION}  exec        a\\u001b[2Jb  `), lines[2]);
  assert.match(lines[3]!, /^[0-9a-f]{12} +A line that cannot be read: Not a whole line of JSON$/);
  assert.match(lines[5]!, /^3 entries, \d+ B of 1 GiB$/);
  const json = JSON.parse((await run(peers, "list", "--json")).out);
  assert.deepEqual(json.entries[0], {
    entry: lines[1]!.slice(0, 12),
    quarantinedAt: "2026-01-02T03:04:05.000Z",
    stream: "log",
    reason: "HTTP 400: no",
    id: "first",
    type: "user.login",
    time: "2026-01-01T00:00:00.000Z",
  });
  assert.equal(json.entries[2].defect, "Not a whole line of JSON");
  assert.equal(json.maxBytes, 2 ** 30);
});

Deno.test("state quarantine list lists thousands of entries, each once and in order", async () => {
  await using peers = await startWith(logEvents(1));
  const ids = Array.from({ length: 2500 }, (_, i) => `many-${i}`);
  const lines = ids.map((id) =>
    formatQuarantineLine({ streamId: "log", event: makeEvent(id), reason: "no" }, NOW_MS)
  );
  await Deno.writeFile(
    `${peers.storage}/quarantine/events-000001.jsonl`,
    new Uint8Array(await new Blob(lines).arrayBuffer()),
  );
  const { code, out } = await run(peers, "list");
  assert.equal(code, 0);
  const shown = out.split("\n").slice(1, -2).map((line) => line.split(/ +/)[4]);
  assert.deepEqual(shown, [...ids, "e0"]);
  assert.match(out, /^2501 entries, /m);
  assert.deepEqual(await listIds(peers), [...ids, "e0"]);
});

Deno.test("state quarantine list of a storage folder that is not there says that there is nothing, and makes no folder", async () => {
  await using peers = await startFakePeers();
  const { code, out } = await run(peers, "list");
  assert.deepEqual([code, out], [0, `No event is in the quarantine '${peers.storage}/quarantine'`]);
  assert.equal((await run(peers, "replay", "--all")).code, 0);
  assert.equal((await run(peers, "drop", "--all")).code, 0);
  await assert.rejects(Deno.stat(peers.storage), Deno.errors.NotFound);
});

Deno.test("state quarantine show prints what is known and the payload with its numbers as they are", async () => {
  const json = new TextEncoder().encode('{"n":12345678901234567890,"f":1.0e2,"s":"\u202e"}');
  const raw = new Uint8Array([1, 2, 3]);
  await using peers = await startWith([
    ["log", makeEvent("first", { json })],
    ["log", { ...makeEvent("second"), defect: { reason: "Not a Struct", raw } }],
  ]);
  const first = await run(peers, "show", "first");
  assert.match(first.out, /^reason {7}HTTP 400: no$/m);
  assert.ok(
    first.out.endsWith('\n{\n  "n": 12345678901234567890,\n  "f": 1.0e2,\n  "s": "\\u202e"\n}'),
    first.out,
  );
  const entry = (await list(peers))[1]!.entry;
  assert.match((await run(peers, "show", entry.slice(0, 6))).out, /in base64:\nAQID$/);
  assert.equal(JSON.parse((await run(peers, "show", entry, "--json")).out).raw, "AQID");
});

Deno.test("state quarantine replay sends entries in order to where start sends them, and takes out what Fluentd takes", async () => {
  const json = new TextEncoder().encode('{"user":"refused"}');
  const raw = new Uint8Array([1]);
  await using peers = await startWith([
    ["log", makeEvent("e0", { bytes: 900 })],
    [`session/${SESSION}`, makeEvent("e1", { bytes: 900 })],
    ["log", makeEvent("e2", { json })],
    ["chunk/2026-01-01/x", makeEvent("e3")],
    ["log", { ...makeEvent("e4"), defect: { reason: "Not a Struct", raw } }],
    ["elsewhere", makeEvent("e5")],
    ["session/../../up", makeEvent("e6")],
  ]);
  const accept = peers.receiver.rejectIf((event) => event["user"] === "refused");
  const { code, out } = await run(peers, "replay", "--all");
  assert.equal(code, 1);
  const sent = peers.receiver.events.map(({ fields, path }) => [fields["id"], path]);
  assert.deepEqual(sent, [
    ["e0", "/test.log"],
    ["e1", `/session.${SESSION}.log`],
    ["e3", "/test.log"],
  ]);
  assert.deepEqual(peers.receiver.violations, []);
  assert.deepEqual(
    out.split("\n").map((line) => line.replace(/[0-9a-f]{12}/, "KEY")),
    [
      "Sent: KEY test e0",
      "Sent: KEY test e1",
      "Refused again: KEY test e2: HTTP 400: Bad Request scripted rejection",
      "Sent: KEY test e3",
      "Cannot be sent: KEY test e4: Not a Struct",
      "Cannot be sent: KEY test e5: the stream 'elsewhere' is not known",
      "Cannot be sent: KEY test e6: the stream 'session/../../up' is not known",
      "3 sent, 1 refused again, 3 cannot be sent",
    ],
  );
  assert.deepEqual(await listIds(peers), ["e2", "e4", "e5", "e6"]);
  accept();
  const again = await run(peers, "replay", "e2");
  assert.deepEqual([again.code, again.out.split("\n").at(-1)], [0, "1 sent, 0 refused again"]);
  assert.deepEqual(peers.receiver.fieldsOf().at(-1), { user: "refused" });
  assert.deepEqual(await listIds(peers), ["e4", "e5", "e6"]);
});

for (
  const [what, answer, words] of [
    [
      "forbids it",
      { status: 403 },
      /Fluentd needs attention: the receiver forbids it \(HTTP 403\); /,
    ],
    ["is away", undefined, /Fluentd is not available: .*Connection refused/],
  ] as const
) {
  Deno.test(`state quarantine replay ends when Fluentd ${what}, and what was sent before is taken out`, async () => {
    await using peers = await startWith(logEvents(4));
    if (answer === undefined) await peers.receiver.refuse();
    else peers.receiver.rejectIf((event) => event["id"] === "e2", answer);
    const { code, err } = await run(peers, "replay", "--all");
    assert.equal(code, 1);
    assert.match(err, words);
    assert.match(err, /What was not sent is still in the quarantine$/);
    const left = answer === undefined ? ["e0", "e1", "e2", "e3"] : ["e2", "e3"];
    assert.deepEqual(await listIds(peers), left);
  });
}

Deno.test("state quarantine replay that is killed loses nothing", async () => {
  await using peers = await startWith(logEvents(3));
  peers.receiver.answerNext({});
  const gate = peers.receiver.holdNext();
  await using program = startProgram({
    args: ["state", "quarantine", "replay", "--all", "--config", peers.config],
  });
  await gate.reached;
  program.kill("SIGKILL");
  await program.waitForExit();
  gate.open();
  assert.deepEqual(await listIds(peers), ["e0", "e1", "e2"]);
  assert.equal((await run(peers, "replay", "--all")).code, 0);
  assert.deepEqual(await listIds(peers), []);
});

Deno.test("state quarantine replay that is stopped ends after the event under way, which is not sent again", async () => {
  await using peers = await startWith(logEvents(3));
  const gate = peers.receiver.holdNext();
  await using program = startProgram({
    args: ["state", "quarantine", "replay", "--all", "--config", peers.config],
  });
  await gate.reached;
  program.kill("SIGTERM");
  // An event stays until its answer has come. Another process has looked by the time that the answer
  // is given, so that the signal has arrived long before.
  assert.deepEqual(await listIds(peers), ["e0", "e1", "e2"]);
  gate.open();
  assert.equal((await program.waitForExit()).code, 1);
  assert.match(program.stdout.at(-1)!, /^Stopped; what was not sent is still in the quarantine$/);
  assert.deepEqual(await listIds(peers), ["e1", "e2"]);
});

Deno.test("state quarantine drop throws away what is named and nothing else, once --yes says so", async () => {
  await using peers = await startWith([...logEvents(3), ["log", makeEvent("e1")]]);
  const entries = await list(peers);
  const asked = await run(peers, "drop", "e1");
  assert.deepEqual(
    [asked.code, asked.err],
    [
      2,
      "teleport-event-handler: Nobody is there to confirm that events are dropped for good. Give --yes",
    ],
  );
  assert.equal((await list(peers)).length, 4);
  const { code, out } = await run(peers, "drop", "e1", entries[0]!.entry, "--yes");
  assert.deepEqual([code, out], [0, "3 entries dropped"]);
  assert.deepEqual(await listIds(peers), ["e2"]);
  assert.equal((await run(peers, "drop", "--all", "--yes")).out, "1 entry dropped");
  assert.deepEqual(await list(peers), []);
});

for (const action of ["replay", "drop"]) {
  Deno.test(`state quarantine ${action} changes nothing while a handler runs, and names it`, async () => {
    await using peers = await startWith(logEvents(2));
    using _handler = await StorageLock.acquire(peers.storage, 4711);
    const { code, err } = await run(peers, action, "--all", ...action === "drop" ? ["--yes"] : []);
    assert.equal(code, 1);
    assert.match(
      err,
      /^teleport-event-handler: Storage folder '.*' is in use by the handler with pid 4711\. Stop it before you change the quarantine; list and show work while it runs$/,
    );
    assert.deepEqual(peers.receiver.requests, []);
    assert.deepEqual(await listIds(peers), ["e0", "e1"]);
  });
}

Deno.test("state quarantine replay sends nothing in a dry run", async () => {
  await using peers = await startWith(logEvents(2));
  const { code, out } = await run(peers, "replay", "--all", "--dry-run");
  assert.deepEqual([code, out], [0, "Dry run: nothing was sent; entries that would be: 2"]);
  assert.deepEqual(peers.receiver.requests, []);
  assert.deepEqual(await listIds(peers), ["e0", "e1"]);
});

Deno.test("state quarantine replay names in a dry run what cannot be sent, and does not count it as what would be", async () => {
  await using peers = await startWith([...logEvents(2), ["elsewhere", makeEvent("odd")]]);
  const halves = '{"quarantinedAt":"2026\n'.repeat(11);
  await Deno.writeTextFile(openQuarantine(peers).path, halves, { append: true });
  const { code, out } = await run(peers, "replay", "--all", "--dry-run");
  assert.equal(code, 0);
  const lines = out.split("\n").map((line) => line.replace(/[0-9a-f]{12}/, "KEY"));
  assert.deepEqual(lines, [
    "Cannot be sent: KEY test odd: the stream 'elsewhere' is not known",
    ...Array<string>(11).fill(
      "Cannot be sent: KEY a line that cannot be read (Not a whole line of JSON)",
    ),
    "Dry run: nothing was sent; entries that would be: 2, that cannot be: 12",
  ]);
});

Deno.test({
  name: "state quarantine replay sends nothing from a full disk, and leaves nothing behind there",
  ignore: !canMount(),
  async fn() {
    await using peers = await startWith(logEvents(3));
    await Deno.writeTextFile(`${peers.storage}/lock`, "1\n");
    const script = `mount -t tmpfs -o size=64k tmpfs "$1" && cp -R "$2/." "$1" || exit 99
      cat /dev/zero > "$1/ballast" 2> /dev/null
      "$0" state quarantine replay --all --config "$3"
      code=$?
      ls "$1/quarantine"
      exit $code`;
    await Deno.mkdir(`${peers.folder}/copy`);
    await Deno.rename(peers.storage, `${peers.folder}/copy/storage`);
    await Deno.mkdir(peers.storage);
    await using process = new TestProcess({
      command: "unshare",
      args: [
        ...["--user", "--map-root-user", "--mount", "sh", "-c", script],
        ...[Deno.env.get("PROGRAM") ?? RUN, peers.storage],
        ...[`${peers.folder}/copy/storage`, peers.config],
      ],
    });
    const { code } = await process.waitForExit();
    assert.equal(code, 1, process.stderr.join("\n"));
    assert.match(
      process.stderr.join("\n"),
      /: Cannot take lines out of the quarantine '.*': No space left on device.*\. Nothing of it was sent; make room or check the owner, and try again$/,
    );
    assert.deepEqual(process.stdout, ["0 sent, 0 refused again", "events.jsonl"]);
    assert.deepEqual(peers.receiver.requests, []);
  },
});

for (
  const [args, words] of [
    [["state"], /Nothing to do\. There are state show, /],
    [["state", "quarantine"], /Unknown: state quarantine\. There are /],
    [["state", "quarantine", "lst"], /Unknown: state quarantine lst\. There are /],
    [["state", "quarantine", "drop", "--yes"], /No entry is named\. Give entries, /],
    [["state", "quarantine", "drop", "--all", "x"], /Entries are named besides --all\. Give /],
    [
      ["state", "quarantine", "drop", "x", "--json"],
      /Unknown flag --json of state quarantine drop/,
    ],
    [["state", "quarantine", "list", "x"], /Unknown argument 'x' of state quarantine list/],
    [["state", "quarantine", "show"], /No entry is named/],
    [["state", "quarantine", "show", "nope"], /Nothing in the quarantine is named 'nope'/],
    [["state", "quarantine", "list", "--nope"], /--nope: Unknown flag/],
  ] as const
) {
  Deno.test(`${args.join(" ")} ends with 2 and says what is wrong`, async () => {
    await using peers = await startFakePeers();
    await using program = startProgram({ args: [...args, "--config", peers.config] });
    const { code } = await program.waitForExit();
    assert.equal(code, 2);
    assert.match(program.stderr.join("\n"), words);
    assert.deepEqual(program.stdout, []);
  });
}

Deno.test({
  name: "state quarantine drop asks at a terminal, and takes nothing but y and yes for a yes",
  ignore: !HAS_TERMINALS,
  async fn() {
    await using peers = await startWith(logEvents(2));
    for (const [answer, left] of [["", 2], ["no", 2], ["y", 1]] as const) {
      await using session = new TerminalSession(
        [RUN, "state", "quarantine", "drop", "e1", "--config", peers.config],
        peers.folder,
      );
      await session.waitFor(" test e1");
      await session.waitFor("Do you want to drop this entry for good? [y/N] ");
      await session.type(`${answer}\r`);
      assert.equal(await session.end(), 0, session.screen);
      assert.match(session.screen, left === 2 ? /Nothing was dropped/ : /1 entry dropped/);
      assert.equal((await list(peers)).length, left);
    }
  },
});
