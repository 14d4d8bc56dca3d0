import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { parseCursor } from "../../src/cli/parse_cursor.ts";
import type { Fault } from "../../src/core/fault.ts";
import { encodeSessionPosition } from "../../src/core/session_position.ts";
import type { StreamPosition } from "../../src/pipeline/ports.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { readGoState } from "../../src/state/go_layout/read_go_state.ts";
import { StorageLock } from "../../src/state/storage_lock.ts";
import { buildEvents } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { DENOKV_TOKEN, startDenokv } from "../support/denokv.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { HAS_TERMINALS, TerminalSession } from "./terminal_session.ts";

const DAY_MS = 86_400_000;
const RUN = fileURLToPath(new URL("../../scripts/run", import.meta.url));
const SID = "4d1f1c5e-5d2c-4a7e-8d9a-0d6a1a4c9b10";

async function run(peers: FakePeers, ...args: readonly string[]) {
  await using program = startProgram({ args: [...args, "--config", peers.config] });
  const { code } = await program.waitForExit();
  return { code, out: program.stdout.join("\n"), err: program.stderr.join("\n") };
}

function events(count = 30) {
  const startMs = Math.floor(Date.now() / 1000) * 1000 - 2 * DAY_MS;
  return buildEvents({ count, startMs, spanMs: DAY_MS, types: ["user.login"] });
}

function since(days = 3): string[] {
  return ["--start-time", new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 19) + "Z"];
}

/** Both peers, and a handler that has sent everything. */
async function startDone(): Promise<FakePeers> {
  const peers = await startFakePeers({ events: events(), auth: { staleCursor: "taken" } });
  assert.equal((await run(peers, "start", "--exit-on-last-event", ...since())).code, 0);
  return peers;
}

async function addStreams(peers: FakePeers, streams: readonly StreamPosition[]): Promise<void> {
  using store = await KvPositionStore.open(`${peers.storage}/state.kv`, Date.now());
  for (const stream of streams) await store.commit(stream);
}

async function readAll(peers: FakePeers): Promise<Record<string, unknown>> {
  using store = await KvPositionStore.open(`${peers.storage}/state.kv`, Date.now());
  const all = await Array.fromAsync(store.list(""));
  return Object.fromEntries(all.map(({ position, streamId }) => [streamId, position]));
}

function receivedIds(peers: FakePeers): unknown[] {
  return peers.receiver.fieldsOf("/test.log").map((fields) => fields["uid"]);
}

Deno.test("state show says how far everything got, also beside a handler that runs, and makes nothing", async () => {
  await using peers = await startFakePeers({ events: [] });
  const nothing = await run(peers, "state", "show");
  assert.equal(nothing.code, 0, nothing.err);
  assert.match(nothing.out, /^Log {9}nothing is stored yet$/m);
  await assert.rejects(Deno.stat(peers.storage), Deno.errors.NotFound);

  await run(peers, "start", "--exit-on-last-event", ...since());
  const position = encodeSessionPosition({ index: 7, uploadMs: 0, attempts: 2, dueMs: 0 });
  await addStreams(peers, [{ streamId: `session/${SID}`, position }]);
  using _handler = await StorageLock.acquire(peers.storage, 4711);
  const { code, out } = await run(peers, "state", "show");
  assert.equal(code, 0);
  assert.match(out, /^Used by {5}.* is in use by the handler with pid 4711$/m);
  assert.match(out, /^Log {9}by pages, done up to 20\d\d-/m);
  assert.match(out, new RegExp(`^ {12}${SID} from event 7, tried 2 times$`, "m"));
  const facts = JSON.parse((await run(peers, "state", "show", "--json")).out);
  assert.equal(facts.log.mode, "paged");
  assert.deepEqual(facts.recordings, [{ id: SID, index: 7, tries: 2 }]);
});

Deno.test("state export and import carry a state to another storage, where the export goes on without loss or repeats", async () => {
  await using peers = await startDone();
  const position = encodeSessionPosition({ index: 7, uploadMs: 5, attempts: 2, dueMs: 6 });
  await addStreams(peers, [{ streamId: `session/${SID}`, position }]);
  const before = await readAll(peers);
  const file = `${peers.folder}/state.json`;
  const exported = await run(peers, "state", "export", file);
  assert.deepEqual([exported.code, exported.out], [0, ""]);
  assert.match(exported.err, /^Written to '.*state\.json': 2 streams$/);
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const shown = await run(peers, "state", "export");
  assert.deepEqual(JSON.parse(shown.out).positions, before);

  await Deno.remove(peers.storage, { recursive: true });
  const imported = await run(peers, "state", "import", file);
  assert.equal(imported.code, 0, imported.err);
  assert.match(imported.out, /^Imported: the log up to .*, 1 recording$/);
  assert.deepEqual(await readAll(peers), before);
  const news = buildEvents({
    count: 5,
    startMs: Date.now() - 60_000,
    spanMs: 30_000,
    types: ["exec"],
  });
  peers.auth.append(news);
  await run(peers, "start", "--exit-on-last-event");
  assert.deepEqual(receivedIds(peers), peers.auth.events.map(({ id }) => id));
});

Deno.test("state import replaces a state only when that is confirmed, and changes nothing for a file that is wrong", async () => {
  await using peers = await startDone();
  const before = await readAll(peers);
  const file = `${peers.folder}/state.json`;
  await run(peers, "state", "export", file);
  const asked = await run(peers, "state", "import", file);
  assert.deepEqual([asked.code, asked.err], [
    2,
    "teleport-event-handler: Nobody is there to confirm: replace the stored state. Give --yes",
  ]);
  await Deno.writeTextFile(file, (await Deno.readTextFile(file)).slice(0, -40));
  const wrong = await run(peers, "state", "import", file, "--yes");
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /Cannot use '.*state\.json': it is no JSON: .*line/);
  const missing = await run(peers, "state", "import", `${peers.folder}/none.json`, "--yes");
  assert.match(missing.err, /Cannot read '.*none\.json': No such file/);
  assert.deepEqual(await readAll(peers), before);
});

Deno.test("state export, import, reset and set-cursor are refused while a handler runs, and name it", async () => {
  await using peers = await startFakePeers({ events: [] });
  await Deno.mkdir(peers.storage, { recursive: true });
  await addStreams(peers, []);
  const file = `${peers.folder}/state.json`;
  const document = '{"format":"teleport-event-handler state","version":1,"positions":{}}';
  await Deno.writeTextFile(file, document);
  using _handler = await StorageLock.acquire(peers.storage, 4711);
  const time = "2026-01-01T00:00:00Z";
  for (const args of [["export"], ["import", file], ["reset"], ["set-cursor", time]]) {
    const yes = args[0] === "export" ? [] : ["--yes"];
    const { code, err } = await run(peers, "state", ...args, ...yes);
    assert.equal(code, 1);
    assert.match(err, /is in use by the handler with pid 4711\. Stop it first; state show works/);
  }
});

Deno.test("state set-cursor moves the log to a time or behind an event, and leaves recordings alone", async () => {
  await using peers = await startDone();
  const ids = peers.auth.events.map(({ id }) => id);
  const position = encodeSessionPosition({ index: 7, uploadMs: 0, attempts: 0, dueMs: 0 });
  await addStreams(peers, [
    { streamId: `abandoned/session/${SID}`, position },
    { streamId: "done/2026-01-01/x", position: {} },
  ]);
  const behind = await run(peers, "state", "set-cursor", ids[19]!, "--yes");
  assert.equal(behind.code, 0, behind.err);
  assert.match(behind.out, /^The log goes on from 20/);
  assert.deepEqual(Object.keys(await readAll(peers)), [`abandoned/session/${SID}`, "log"]);
  await run(peers, "start", "--exit-on-last-event");
  assert.deepEqual(receivedIds(peers), [...ids, ...ids.slice(20)]);

  const time = new Date(peers.auth.events[25]!.timeMs).toISOString();
  assert.equal((await run(peers, "state", "set-cursor", time, "--yes")).code, 0);
  await run(peers, "start", "--exit-on-last-event");
  const second = Math.floor(peers.auth.events[25]!.timeMs / 1000) * 1000;
  const later = peers.auth.events.filter(({ timeMs }) => timeMs >= second).map(({ id }) => id);
  assert.deepEqual(receivedIds(peers), [...ids, ...ids.slice(20), ...later]);
});

for (
  const [value, words] of [
    ["2926-01-01T00:00:00Z", /2926-01-01T00:00:00Z is in the future/],
    ["2026-02-30T00:00:00Z", /The date 2026-02-30 does not exist/],
    ["2026-01-31", /"2026-01-31" has no offset from UTC\. Give a time such as/],
    ["no such event", /"no such event" is neither a time nor the id of an event/],
    ['{"date":"2026-01-31"}', /is neither a time nor the id of an event/],
  ] as const
) {
  Deno.test(`parseCursor() refuses '${value}'`, () => {
    assert.throws(() => parseCursor(value, Date.UTC(2026, 5, 1)), (error: Fault) => {
      assert.equal(error.kind, "usage");
      assert.match(error.text, words);
      return true;
    });
  });
}

Deno.test("state set-cursor refuses an event that cannot be found, and changes nothing", async () => {
  await using peers = await startFakePeers({ events: events(3) });
  const { code, err } = await run(peers, "state", "set-cursor", "nosuchevent", "--yes");
  assert.equal(code, 2, err);
  assert.match(err, /Cannot find the event 'nosuchevent' in the last 366 days/);
  await assert.rejects(Deno.stat(`${peers.storage}/state.kv`), Deno.errors.NotFound);
});

Deno.test("state reset begins anew, and does not take over the Go handler's state again", async () => {
  await using peers = await startDone();
  await Deno.writeTextFile(`${peers.storage}/start_time`, "2021-01-01T00:00:00Z");
  await Deno.writeTextFile(`${peers.storage}/id`, "a");
  assert.equal((await run(peers, "state", "reset")).code, 2);
  const { code, out } = await run(peers, "state", "reset", "--yes");
  assert.deepEqual([code, out.split(":")[0]], [0, "Done"]);
  assert.deepEqual(Object.keys(await readAll(peers)), ["go-handler/adopted"]);
  const again = await run(peers, "start", "--exit-on-last-event", ...since(4));
  assert.equal(again.code, 0, again.err);
  const ids = peers.auth.events.map(({ id }) => id);
  assert.deepEqual(receivedIds(peers), [...ids, ...ids]);
});

Deno.test("A change of the state that was broken off is seen by whoever comes next, and mended by doing it again", async () => {
  await using peers = await startDone();
  await addStreams(peers, [{ streamId: "changing", position: { version: 1, by: "command" } }]);
  for (const args of [["start", "--exit-on-last-event"], ["state", "show"], ["state", "export"]]) {
    const { code, err } = await run(peers, ...args);
    assert.equal(code, 1);
    assert.match(err, /The state is not whole: a change of it was broken off\. Do it again/);
  }
  assert.equal((await run(peers, "state", "reset", "--yes")).code, 0);
  assert.equal((await run(peers, "start", "--exit-on-last-event", ...since())).code, 0);
});

Deno.test("An adoption that was broken off is done again from the start", async () => {
  await using peers = await startFakePeers({ events: events() });
  const ids = peers.auth.events.map(({ id }) => id);
  await Deno.mkdir(peers.storage, { recursive: true });
  await Deno.writeTextFile(`${peers.storage}/start_time`, since()[1]!);
  await Deno.writeTextFile(`${peers.storage}/id`, ids[11]!);
  await addStreams(peers, [
    { streamId: "changing", position: { version: 1, by: "adoption" } },
    { streamId: "done/2026-01-01/half", position: {} },
  ]);
  const { code, err } = await run(peers, "start", "--exit-on-last-event");
  assert.equal(code, 0, err);
  assert.deepEqual(receivedIds(peers), ids.slice(12));
  assert.deepEqual(Object.keys(await readAll(peers)).sort(), ["go-handler/adopted", "log"]);
});

Deno.test("state import takes the Go handler's files from any storage, and export gives them back as they were", async () => {
  await using peers = await startFakePeers({ events: events() });
  const ids = peers.auth.events.map(({ id }) => id);
  const storage = `${peers.folder}/go`;
  const folder = peers.storage.replace(/^.*\//, `${storage}/`);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/start_time`, since()[1]!);
  await Deno.writeTextFile(`${folder}/id`, ids[11]!);
  await Deno.writeTextFile(`${folder}/cursor`, "opaque \n");
  await Deno.writeFile(`${folder}/session${SID}`, new Uint8Array([0, 0, 0, 0, 0, 0, 0, 9]));
  const imported = await run(peers, "state", "import", "--go-layout", storage);
  assert.equal(imported.code, 0, imported.err);
  assert.match(imported.out, /^Imported: .*behind event .*, 1 recording$/);
  assert.match((await run(peers, "state", "show")).out, /^Log {9}behind event /m);
  const again = `${peers.folder}/again`;
  const exported = await run(peers, "state", "export", "--go-layout", again);
  assert.equal(exported.code, 0, exported.err);
  const [first, second] = [
    await readGoState(folder, Date.now()),
    await readGoState(folder.replace("/go/", "/again/"), Date.now()),
  ];
  assert.deepEqual(second?.state, first?.state);
  await run(peers, "start", "--exit-on-last-event");
  assert.deepEqual(receivedIds(peers), ids.slice(12));
  const none = await run(peers, "state", "import", "--go-layout", `${peers.folder}/none`, "--yes");
  assert.equal(none.code, 1);
  assert.match(none.err, /There is no state of the Go handler in '.*none\/.*'/);
});

Deno.test("state export --go-layout without Teleport says what the Go handler will repeat, and replaces its state only when asked to", async () => {
  await using peers = await startDone();
  await peers.auth.refuse();
  const { code, err } = await run(peers, "state", "export", "--go-layout");
  assert.equal(code, 0, err);
  assert.match(err, /^Teleport cannot be asked where .* It will send again what came since 20/);
  const twice = await run(peers, "state", "export", "--go-layout");
  assert.equal(twice.code, 2);
  assert.match(twice.err, /Nobody is there to confirm: replace it\. Give --yes/);
});

peerTest(
  "A state goes from a file to a KV Connect server, from there to the Go handler's files and back, and stays the same",
  { needs: ["DENOKV"] },
  async () => {
    await using peers = await startDone();
    await using server = await startDenokv(peers.folder);
    const env = { DENO_KV_ACCESS_TOKEN: DENOKV_TOKEN };
    const there = ["--storage", server.url];
    const runThere = async (...args: readonly string[]) => {
      await using program = startProgram({ args: [...args, "--config", peers.config], env });
      const { code } = await program.waitForExit();
      const err = program.stderr.join("\n");
      assert.equal(code, 0, err);
      return { out: program.stdout.join("\n"), err };
    };
    const position = encodeSessionPosition({ index: 7, uploadMs: 0, attempts: 0, dueMs: 0 });
    await addStreams(peers, [{ streamId: `session/${SID}`, position }]);
    const before = await readAll(peers);
    const file = `${peers.folder}/state.json`;
    await runThere("state", "export", file);
    await runThere("state", "import", file, ...there);
    const { positions } = JSON.parse((await runThere("state", "export", ...there)).out);
    assert.deepEqual(positions, before);
    // A handler there leaves in good order, so that nothing has to be waited for.
    const news = buildEvents({ count: 5, startMs: Date.now() - 60_000, spanMs: 30_000 });
    peers.auth.append(news);
    await runThere("start", "--exit-on-last-event", ...there);
    const ids = peers.auth.events.map(({ id }) => id);
    assert.deepEqual(receivedIds(peers), ids);

    const go = `${peers.folder}/go`;
    await runThere("state", "export", "--go-layout", go, ...there);
    await runThere("state", "import", "--go-layout", go, "--yes");
    assert.match((await runThere("state", "show")).out, new RegExp(`behind event ${ids.at(-1)}`));
    peers.auth.append(buildEvents({ count: 2, startMs: Date.now() - 9000, spanMs: 500, seed: 2 }));
    await runThere("start", "--exit-on-last-event");
    assert.deepEqual(receivedIds(peers), peers.auth.events.map(({ id }) => id));
  },
);

Deno.test({
  name: "At a terminal state reset says what is lost, and asks",
  ignore: !HAS_TERMINALS,
  async fn() {
    await using peers = await startDone();
    for (const [answer, words] of [["n", /Nothing was changed/], ["y", /Done: /]] as const) {
      const command = [RUN, "state", "reset", "--config", peers.config];
      await using session = new TerminalSession(command, peers.folder);
      await session.waitFor("What is stored: the log up to ");
      await session.waitFor("Do you want to forget all of it? [y/N] ");
      await session.type(`${answer}\r`);
      assert.equal(await session.end(), 0, session.screen);
      assert.match(session.screen, words);
    }
  },
});
