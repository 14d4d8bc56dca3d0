import assert from "node:assert/strict";
import { buildEvents } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { startFluentd } from "../support/fluentd.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function startPeers(extra: Record<string, string> = {}): Promise<FakePeers> {
  const startMs = Date.now() - 3_600_000;
  return await startFakePeers({
    events: buildEvents({ count: 20, startMs, spanMs: 60_000 }),
    extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"`, ...extra },
  });
}

Deno.test("A start without Teleport waits for it, and says where it looks, why it waits and what to do", async () => {
  await using peers = await startPeers();
  await peers.auth.refuse();
  await using program = startProgram({ args: ["start", "--config", peers.config] });
  const line = await program.waitForLine(/WARN/);
  assert.match(
    line,
    new RegExp(`Teleport is not available.*No answer from ${peers.auth.address}: `),
  );
  assert.match(line, /ECONNREFUSED.*Check that teleport\.addr names the auth server/);
  await peers.auth.accept();
  await program.waitForLine(/Teleport is available again/);
  await peers.receiver.waitForEvents(20);
});

Deno.test("A start without Fluentd waits for it, and nothing is lost", async () => {
  await using peers = await startPeers();
  await peers.receiver.refuse();
  await using program = startProgram({ args: ["start", "--config", peers.config] });
  await program.waitForLine(/WARN.*Fluentd is not available/);
  await peers.receiver.accept();
  await program.waitForLine(/Fluentd is available again/);
  await peers.receiver.waitForEvents(20);
});

for (const away of ["Teleport", "Fluentd"] as const) {
  Deno.test(`fail-fast ends a start without ${away} with 1, and says why`, async () => {
    await using peers = await startPeers();
    await (away === "Teleport" ? peers.auth : peers.receiver).refuse();
    await using program = startProgram({
      args: ["start", "--config", peers.config, "--fail-fast"],
    });
    assert.deepEqual(await program.waitForExit(), { code: 1, signal: null });
    const last = program.stderr.at(-1)!;
    assert.match(last, new RegExp(`^ERRO.*${away} at (127.0.0.1|localhost):\\d+: `));
    assert.match(last, /start without fail-fast/);
    assert.doesNotMatch(last, away === "Teleport" ? /Fluentd at/ : /Teleport at/);
    assert.deepEqual(peers.receiver.requests, []);
  });
}

Deno.test("fail-fast tells of both peers when both are away", async () => {
  await using peers = await startPeers({ "fail-fast": "true" });
  await peers.auth.refuse();
  await peers.receiver.refuse();
  await using program = startProgram({ args: ["start", "--config", peers.config] });
  assert.equal((await program.waitForExit()).code, 1);
  assert.match(program.stderr.at(-1)!, /Teleport at .*Fluentd at /);
});

Deno.test("fail-fast is of no consequence when both peers are there, also when one goes away later", async () => {
  await using peers = await startPeers();
  await using program = startProgram({ args: ["start", "--config", peers.config, "--fail-fast"] });
  await program.waitForLine(/Caught up/);
  assert.equal(peers.receiver.fieldsOf("/test.log").length, 20);
  await peers.auth.refuse();
  await program.waitForLine(/WARN.*Teleport is not available/);
  await peers.auth.accept();
  await program.waitForLine(/Teleport is available again/);
  program.kill();
  assert.equal((await program.waitForExit()).code, 0);
});

Deno.test("fail-fast with a dry run does not look at Fluentd", async () => {
  await using peers = await startPeers();
  await peers.receiver.refuse();
  await using program = startProgram({
    args: ["start", "--config", peers.config, "--fail-fast", "--dry-run", "--exit-on-last-event"],
  });
  assert.equal((await program.waitForExit()).code, 0);
});

peerTest(
  "fail-fast does no harm to the oldest Fluentd",
  { needs: ["FLUENTD_OLDEST"] },
  async () => {
    await using peers = await startPeers();
    await using folder = await temporaryFolder();
    await using fluentd = await startFluentd({
      executable: peerPath("FLUENTD_OLDEST"),
      folder: folder.path,
    });
    const config = await writeSettings({
      folder: folder.path,
      address: peers.auth.address,
      identity: peers.files.teleport.identity,
      url: (path) => fluentd.url(path),
      files: fluentd.files,
      extra: { "start-time": `"${new Date(Date.now() - 7_200_000).toISOString()}"` },
    });
    for (let start = 0; start < 3; start++) {
      await using program = startProgram({
        args: ["start", "--config", config, "--fail-fast", "--exit-on-last-event"],
      });
      assert.equal((await program.waitForExit()).code, 0, program.stderr.join("\n"));
    }
    assert.equal((await fluentd.waitForRecords(20)).length, 20);
  },
);
