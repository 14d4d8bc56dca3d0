import assert from "node:assert/strict";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { toUtcDate } from "../../src/core/utc_date.ts";
import { type AuthClient, openAuthClient } from "../support/auth_client.ts";
import { type AuthpeerRig, startAuthpeerRig } from "../support/authpeer_rig.ts";
import { GoHandler, writeGoDates } from "../support/go_handler.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";

const NEEDS = { needs: ["AUTHPEER"] as const };
const START_MS = Date.UTC(2026, 0, 1);
const PAGED = { mode: "legacy", events: 1500, days: 12, sessions: 8, "session-events": 40 };

async function connect(rig: AuthpeerRig): Promise<AuthClient> {
  return openAuthClient({
    address: rig.authpeer.address,
    ...await rig.authpeer.readCredential(),
  });
}

async function run(...args: readonly string[]) {
  await using program = startProgram({ args });
  const { code } = await program.waitForExit();
  const [out, err] = [program.stdout.join("\n"), program.stderr.join("\n")];
  return { code, out, err };
}

/** Runs the handler to the end of the log, and returns what it said. */
async function runToTheEnd(rig: AuthpeerRig, ...flags: readonly string[]): Promise<string> {
  const { code, err } = await run(
    "start",
    "--config",
    rig.config,
    "--exit-on-last-event",
    ...flags,
  );
  assert.equal(code, 0, err);
  return err;
}

function arrivedIds(rig: AuthpeerRig): string[] {
  return rig.receiver.fieldsOf("/test.log").map((fields) => String(fields["uid"]));
}

/** Every file below a folder with its content, our own left out. */
async function readFiles(folder: string, below = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { isDirectory, name } of Deno.readDir(`${folder}/${below}`)) {
    if (/^(state\.kv|lock$|quarantine$)/.test(name)) continue;
    const path = `${below}${name}`;
    if (!isDirectory) files.set(path, (await Deno.readFile(`${folder}/${path}`)).toHex());
    else for (const [file, text] of await readFiles(folder, `${path}/`)) files.set(file, text);
  }
  return files;
}

for (const hasWindows of [false, true]) {
  const version = hasWindows ? "with windows" : "without windows";
  peerTest(
    `The state of a Go handler ${version} is taken over, nothing is lost or repeated, and going back is as exact`,
    NEEDS,
    async () => {
      await using rig = await startAuthpeerRig({ flags: PAGED });
      using client = await connect(rig);
      const all = (await rig.authpeer.readEvents()).map(({ id }) => id);
      const setup = {
        auditLog: client.auditLog,
        folder: rig.storage,
        startMs: START_MS,
        hasWindows,
      };
      const before = new GoHandler(setup);
      await before.run(701);
      const sessions = await before.readSessions();
      const files = await readFiles(rig.storage);

      const said = await runToTheEnd(rig);
      assert.match(said, /Taking over the state of the Go handler/);
      assert.match(said, /Going on where the Go handler stopped/);
      assert.deepEqual([...before.sent, ...arrivedIds(rig)], all);
      assert.deepEqual(await readFiles(rig.storage), files, "its files stay as they are");
      for (const sid of sessions.keys()) {
        const { events, missing } = (await rig.readSessions()).get(sid)!;
        const arrived = rig.receiver.fieldsOf(`/session.${sid}.log`);
        assert.equal(arrived.length > 0, !missing && events > 0, sid);
      }
      const again = await runToTheEnd(rig);
      assert.doesNotMatch(again, /Taking over|Going on where|Go handler has run/);

      // And back, with news that neither has sent.
      await rig.authpeer.append({ count: 30 });
      const back = await run("state", "export", "--go-layout", "--yes", "--config", rig.config);
      assert.equal(back.code, 0, back.err);
      const after = new GoHandler(setup);
      await after.run();
      const now = (await rig.authpeer.readEvents()).map(({ id }) => id);
      assert.deepEqual([...before.sent, ...arrivedIds(rig), ...after.sent], now);

      // And to us again.
      await rig.authpeer.append({ count: 7 });
      assert.match(await runToTheEnd(rig), /The Go handler has run since/);
    },
  );
}

peerTest(
  "The state of a Go handler in the middle of a bulk export is taken over, and only the rest arrives",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "bulk", events: 1200, days: 6, "chunk-events": 50 },
    });
    using client = await connect(rig);
    const all = await rig.authpeer.readEvents();
    const dates = [...new Set(all.map(({ timeMs }) => toUtcDate(timeMs)))].sort();
    const [first, second, third, fourth] = dates;
    assert.ok(first && second && third && fourth);
    const sent = new Set<string>();
    const chunksOf = async (date: string) => {
      const chunks: string[] = [];
      const request = { date: timestampFromMs(Date.parse(date)) };
      for await (const { chunk } of client.auditLog.getEventExportChunks(request)) {
        chunks.push(chunk);
      }
      return chunks;
    };
    /** Sends so many events of a chunk, and returns the cursor behind them. */
    const send = async (date: string, chunk: string, maxEvents = Infinity) => {
      let last = "";
      let left = maxEvents;
      const request = { date: timestampFromMs(Date.parse(date)), chunk, cursor: "" };
      for await (const { cursor, event } of client.auditLog.exportUnstructuredEvents(request)) {
        if (left-- <= 0) continue;
        sent.add(event!.id);
        last = cursor;
      }
      return last;
    };
    // The first date is done and gone; the second is not done, and the third before it.
    for (const date of [first, third]) {
      for (const chunk of await chunksOf(date)) await send(date, chunk);
    }
    const [done, begun, bad] = await chunksOf(second);
    await send(second, done!);
    const cursor = await send(second, begun!, 20);
    await writeGoDates(rig.storage, {
      [second]: { completed: [done!], cursors: { [begun!]: cursor, [bad!]: "no such cursor" } },
      [fourth]: { cursors: { "gone-chunk": "7" } },
    });
    await Deno.writeTextFile(`${rig.storage}/start_time`, "2026-01-01T00:00:00Z");
    await Deno.writeTextFile(
      `${rig.storage}/cursor_v2/${second}/completed-chunks`,
      begun!.slice(0, 5),
      { append: true },
    );

    const said = await runToTheEnd(rig);
    assert.match(said, /completed-chunks' ends within a name.*that chunk is sent again/);
    assert.match(said, /does not take the Go handler's cursor of a chunk/);
    assert.match(said, /reading a chunk that Teleport does not list/);
    const expected = all.map(({ id }) => id).filter((id) => !sent.has(id)).sort();
    assert.deepEqual(arrivedIds(rig).sort(), expected);
  },
);

peerTest(
  "The place of a Go handler that reads by pages holds where the server exports in bulk, and on the way back",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "bulk", events: 600, days: 4, "chunk-events": 50 },
    });
    using client = await connect(rig);
    const setup = { auditLog: client.auditLog, folder: rig.storage, startMs: START_MS };
    const before = new GoHandler({ ...setup, hasWindows: false });
    await before.run(333);
    assert.match(await runToTheEnd(rig), /Going on where the Go handler stopped/);
    const all = (await rig.authpeer.readEvents()).map(({ id }) => id);
    assert.deepEqual([...before.sent, ...arrivedIds(rig)].sort(), all.toSorted());

    const back = await run("state", "export", "--go-layout", "--yes", "--config", rig.config);
    assert.equal(back.code, 0, back.err);
    const after = new GoHandler(setup);
    await after.run();
    // Chunks come in no order: by pages, a day or two come again.
    assert.deepEqual(all.slice(-after.sent.length), after.sent);
    assert.ok(after.sent.length < all.length, `${after.sent.length} events`);
  },
);

peerTest(
  "Damaged files of a Go handler lose nothing: each is told of, and what it stood for comes again",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({ flags: { ...PAGED, "missing-sessions": 0 } });
    using client = await connect(rig);
    const setup = { auditLog: client.auditLog, folder: rig.storage, startMs: START_MS };
    const go = new GoHandler(setup);
    await go.run(700);
    const [sid] = [...(await go.readSessions()).keys()];
    assert.ok(sid !== undefined);
    await Deno.writeFile(`${rig.storage}/session${sid}`, new Uint8Array(3));
    await Deno.writeTextFile(`${rig.storage}/id`, go.sent.at(-1)!.slice(0, 8));
    const said = await runToTheEnd(rig, "--skip-session-types", "");
    assert.match(said, /session.*' holds 3 bytes in place of 8: the recording is sent from its/);
    assert.match(
      said,
      /The last event that the Go handler sent cannot be found: the page on which/,
    );
    const all = (await rig.authpeer.readEvents()).map(({ id }) => id);
    assert.deepEqual([...new Set([...go.sent, ...arrivedIds(rig)])].sort(), all.toSorted());
    const { events } = (await rig.readSessions()).get(sid)!;
    const indexes = rig.receiver.fieldsOf(`/session.${sid}.log`).map((fields) => fields["ei"]);
    assert.equal(new Set(indexes).size, events);
    // The cursor leads to the page of 20 that it came with.
    assert.ok(arrivedIds(rig).length <= all.length - 700 + 20, `${arrivedIds(rig).length}`);
  },
);
