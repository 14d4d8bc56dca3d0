import assert from "node:assert/strict";
import { buildEvents } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

const DAY_MS = 86_400_000;

async function runToTheEnd(peers: FakePeers, flags: readonly string[] = []): Promise<void> {
  await using program = startProgram({
    args: ["start", "--config", peers.config, "--exit-on-last-event", ...flags],
  });
  const { code } = await program.waitForExit();
  assert.equal(code, 0, program.stderr.join("\n"));
}

function receivedIds(peers: FakePeers): unknown[] {
  return peers.receiver.fieldsOf("/test.log").map((fields) => fields["uid"]);
}

function recentEvents(count: number, days = 2) {
  return buildEvents({ count, startMs: Date.now() - days * DAY_MS, spanMs: DAY_MS });
}

Deno.test("With the id of the Go handler as cursor nothing is lost or repeated, and its files stay as they are", async () => {
  await using peers = await startFakePeers({ events: recentEvents(30) });
  const events = peers.auth.events;
  const files = {
    start_time: "2021-01-01T00:00:00Z",
    window_time: "2021-01-01T00:00:00Z",
    cursor: "an opaque cursor",
    id: events[11]!.id,
    "session0b5f2a3e-faa5-4d77-ab6e-362bca0994fc": "\0\0\0\0\0\0\0\x05",
  };
  await Deno.mkdir(peers.storage, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${peers.storage}/${name}`, text);
  }
  await runToTheEnd(peers, ["--cursor", files.id]);
  assert.deepEqual(receivedIds(peers), events.slice(12).map(({ id }) => id));
  for (const [name, text] of Object.entries(files)) {
    assert.equal(await Deno.readTextFile(`${peers.storage}/${name}`), text, name);
  }
});

Deno.test("A backup that is put back repeats what was sent since, and loses nothing", async () => {
  await using peers = await startFakePeers({ events: recentEvents(20) });
  const first = peers.auth.events.map(({ id }) => id);
  const since = ["--start-time", new Date(Date.now() - 3 * DAY_MS).toISOString()];
  await runToTheEnd(peers, since);
  const backup = `${peers.folder}/backup`;
  await copy(peers.storage, backup);
  const later = buildEvents({ count: 20, startMs: Date.now() - DAY_MS / 2, spanMs: DAY_MS / 4 });
  peers.auth.append(later);
  const second = later.map(({ id }) => id);
  await runToTheEnd(peers, since);
  await Deno.remove(peers.storage, { recursive: true });
  await copy(backup, peers.storage);
  await runToTheEnd(peers, since);
  assert.deepEqual(receivedIds(peers), [...first, ...second, ...second]);
});

async function copy(from: string, to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", { args: ["-r", from, to] }).output();
  assert.ok(success);
}
