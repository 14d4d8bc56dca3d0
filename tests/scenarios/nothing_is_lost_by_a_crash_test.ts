import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { buildEvents, createRandom, expectedJson } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startFluentd } from "../support/fluentd.ts";
import { judge } from "../support/judge.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { drawSeed } from "../support/seed.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Two requests of 1,000 events may be under way at a kill: one sent, one uncommitted. */
const IN_FLIGHT = 2000;

/** Starts the handler again and again, and kills it each time after a random part of its work. */
async function killRepeatedly(
  args: readonly string[],
  options: { readonly kills: number; readonly seed: number; readonly moment: () => Promise<void> },
): Promise<void> {
  for (let kill = 0; kill < options.kills; kill++) {
    await using program = startProgram({ args });
    await Promise.race([options.moment(), program.exit]);
    program.kill("SIGKILL");
    await program.exit;
  }
}

Deno.test("kill -9 at 20 random moments loses nothing and repeats at most the events in flight", async () => {
  const seed = drawSeed();
  const random = createRandom(seed);
  await using peers = await startFakePeers({
    events: buildEvents({ count: 4000, seed, startMs: Date.now() - 3 * 86_400_000 }),
    receiver: { keepBodies: false },
    extra: { batch: "50", "start-time": '"2025-01-01T00:00:00Z"' },
  });
  const { auth, config, receiver } = peers;
  // Small requests, so that there are many moments to be killed at.
  const args = ["start", "--config", config, "--fluentd-batch-events", "40"];
  const kills = 20;
  await killRepeatedly(args, {
    kills,
    seed,
    moment: async () => {
      const target = receiver.requests.length + Math.floor(random() * 8);
      await receiver.waitForRequests(target, 3000).catch(() => {});
    },
  });
  await using program = startProgram({ args: [...args, "--exit-on-last-event"] });
  assert.equal((await program.waitForExit()).code, 0);
  const expected = auth.events.map((e) => ({ id: e.id, body: JSON.parse(expectedJson(e)) }));
  const { repeats } = judge(expected, receiver.fieldsOf("/test.log"));
  assert.ok(repeats <= kills * 80, `${repeats} repeats after ${kills} kills`);
  assert.deepEqual(receiver.violations, []);
});

peerTest(
  "kill -9 at random moments between authpeer and real Fluentd loses nothing",
  // Fluentd 1.12 ends of a connection that is closed before it was taken up (getpeername, ENOTCONN).
  { needs: ["AUTHPEER", "FLUENTD_NEWEST"] },
  async () => {
    const seed = drawSeed();
    const random = createRandom(seed);
    await using folder = await temporaryFolder();
    await Deno.mkdir(folder.join("auth"));
    await Deno.mkdir(folder.join("fluentd"));
    await using authpeer = await startAuthpeer({
      dir: folder.join("auth"),
      flags: { mode: "legacy", events: 20_000, days: 30 },
    });
    await using fluentd = await startFluentd({
      executable: peerPath("FLUENTD_NEWEST"),
      folder: folder.join("fluentd"),
    });
    const config = await writeSettings({
      folder: folder.path,
      address: authpeer.address,
      identity: authpeer.file("identity"),
      url: (path) => fluentd.url(path),
      files: fluentd.files,
      extra: { "start-time": '"2026-01-01T00:00:00Z"' },
    });
    const args = ["start", "--config", config];
    const kills = 20;
    let arrived = 0;
    await killRepeatedly(args, {
      kills,
      seed,
      moment: async () => {
        const target = arrived + 1 + Math.floor(random() * 1500);
        arrived = (await fluentd.waitForRecords(Math.min(target, 19_000))).length;
      },
    });
    await using program = startProgram({ args: [...args, "--exit-on-last-event"] });
    assert.equal((await program.waitForExit()).code, 0);
    await fluentd.stop();
    const { repeats } = judge(await authpeer.readEvents(), await fluentd.readRecords("test.log"));
    assert.ok(repeats <= kills * IN_FLIGHT, `${repeats} repeats after ${kills} kills`);
  },
);
