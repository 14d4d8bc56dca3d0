import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { startFluentd } from "../support/fluentd.ts";
import { judge } from "../support/judge.ts";
import { peerPath, peerTest, type PeerVariable } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { storageFolder, writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const SINCE = ["--start-time", "2021-01-01T00:00:00Z"];

for (const fluentdVariable of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"] as const) {
  peerTest(
    `20,000 events over 30 days arrive in Fluentd (${fluentdVariable}) once, in order and unchanged`,
    { needs: ["AUTHPEER", fluentdVariable] },
    async () => {
      await using rig = await startPeers(fluentdVariable, { events: 20_000, days: 30 });
      await using program = startProgram({
        args: ["start", "--config", rig.config, ...SINCE, "--exit-on-last-event"],
      });
      assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
      await rig.fluentd.stop();
      const records = await rig.fluentd.readRecords("test.log");
      assert.deepEqual(judge(await rig.authpeer.readEvents(), records), { repeats: 0 });
      assert.ok(
        !program.stderr.some((line) => /^(WARN|ERRO)/.test(line)),
        program.stderr.join("\n"),
      );
    },
  );
}

peerTest(
  "Odd events of every kind arrive, or lie in quarantine with a reason, and the handler goes on",
  { needs: ["AUTHPEER", "FLUENTD_OLDEST"] },
  async () => {
    await using rig = await startPeers("FLUENTD_OLDEST", { events: 200, days: 2, odd: true });
    await using program = startProgram({
      args: ["start", "--config", rig.config, ...SINCE, "--exit-on-last-event"],
    });
    assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
    await rig.fluentd.stop();
    const records = await rig.fluentd.readRecords("test.log");
    const quarantined = await readLines(`${storageFolder(rig)}/quarantine/events.jsonl`);
    for (const line of quarantined) assert.ok(String(line["reason"]).length > 10);
    const since = Date.parse(SINCE[1]!);
    const expected = (await rig.authpeer.readEvents()).filter((event) => event.timeMs >= since);
    assert.ok(expected.filter((event) => event.odd !== undefined).length >= 28);
    assert.equal(records.length + quarantined.length, expected.length);
    const bodies = new Set(records.map((record) => canonical(record)));
    const rejectedIds = new Set(quarantined.map((line) => line["id"]));
    for (const event of expected) {
      assert.ok(
        bodies.has(canonical(event.body)) || rejectedIds.has(event.id),
        `Event '${event.odd ?? event.type}' neither arrived nor lies in quarantine: ${
          JSON.stringify(event).slice(0, 500)
        }`,
      );
    }
  },
);

async function startPeers(
  fluentdVariable: PeerVariable,
  flags: Record<string, string | number | boolean>,
) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  await Deno.mkdir(folder.join("auth"));
  await Deno.mkdir(folder.join("fluentd"));
  const authpeer = stack.use(
    await startAuthpeer({ dir: folder.join("auth"), flags: { mode: "legacy", ...flags } }),
  );
  const fluentd = stack.use(
    await startFluentd({ executable: peerPath(fluentdVariable), folder: folder.join("fluentd") }),
  );
  const config = await writeSettings({
    folder: folder.path,
    address: authpeer.address,
    identity: authpeer.file("identity"),
    url: (path) => fluentd.url(path),
    files: fluentd.files,
  });
  const held = stack.move();
  return {
    authpeer,
    fluentd,
    config,
    folder: folder.path,
    address: authpeer.address,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function readLines(path: string): Promise<Record<string, unknown>[]> {
  const text = await Deno.readTextFile(path).catch(() => "");
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** The same text for objects that are equal but for the order of their keys. */
function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, v) =>
      v !== null && typeof v === "object" && !Array.isArray(v)
        ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => a < b ? -1 : 1))
        : v,
  );
}
