import assert from "node:assert/strict";
import { buildEvent, buildEvents, expectedJson } from "../support/events.ts";
import { type Denokv, DENOKV_TOKEN, startDenokv } from "../support/denokv.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { judge } from "../support/judge.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { startTcpRelay } from "../support/tcp_relay.ts";

const needs = ["DENOKV"] as const;
const DAY_MS = 86_400_000;

/** Both fakes, a server for the state behind a relay, and a way to start handlers of them. */
async function startRig(count: number) {
  await using stack = new AsyncDisposableStack();
  const startMs = Date.now() - 2 * DAY_MS;
  const peers = stack.use(
    await startFakePeers({
      events: buildEvents({ count, startMs, spanMs: DAY_MS }),
      extra: {
        "start-time": `"${new Date(startMs - 1000).toISOString()}"`,
        "batch": "20",
        "storage-timeout": '"500ms"',
      },
    }),
  );
  const denokv: Denokv = stack.use(await startDenokv(peers.folder));
  const relay = stack.use(startTcpRelay({ port: denokv.port }));
  const held = stack.move();
  const env = {
    FDFWD_STORAGE: `http://127.0.0.1:${relay.port}`,
    DENO_KV_ACCESS_TOKEN: DENOKV_TOKEN,
    FDFWD_FLUENTD_BATCH_EVENTS: "20",
    FDFWD_LEASE_DURATION: "3s",
    FDFWD_LEASE_RENEW_DEADLINE: "2s",
    FDFWD_LEASE_RETRY: "500ms",
  };
  return {
    ...peers,
    denokv,
    relay,
    start: (args: readonly string[] = [], more: Readonly<Record<string, string>> = {}) =>
      startProgram({
        args: ["start", "--config", peers.config, ...args],
        env: { ...env, ...more },
      }),
    command: async (...args: string[]) => {
      await using program = startProgram({ args: [...args, "--config", peers.config], env });
      const { code } = await program.waitForExit();
      return { code, stdout: program.stdout.join("\n"), stderr: program.stderr.join("\n") };
    },
    /** What arrived, against what Teleport has. */
    judge: () => {
      const expected = peers.auth.events
        .map((e) => ({ id: e.id, body: JSON.parse(expectedJson(e)) }));
      assert.deepEqual(peers.receiver.violations, []);
      return judge(expected, peers.receiver.fieldsOf("/test.log"));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

peerTest(
  "A state server that is away at the start is waited for, and said once",
  { needs },
  async () => {
    await using rig = await startRig(100);
    rig.relay.change({ accepts: false });
    await using program = rig.start();
    await program.waitForLine(/WARN.*Storage is not available, trying again: State server '/);
    rig.relay.change({ accepts: true });
    await program.waitForLine(/Storage is available again/);
    await rig.receiver.waitForEvents(100);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
    const told = program.stderr.filter((line) => /Storage is not available/.test(line));
    assert.ok(told.length <= 3, told.join("\n"));
    assert.deepEqual(rig.judge(), { repeats: 0 });
  },
);

peerTest(
  "A state server that restarts, is cut off, and answers nothing: no event is lost, few come twice",
  { needs },
  async () => {
    await using rig = await startRig(600);
    rig.receiver.answerNext({ readAfterMs: 20 }, 1000);
    await using program = rig.start();
    await rig.receiver.waitForEvents(60);
    await rig.denokv.stop();
    await program.waitForLine(/Storage is not available/);
    await rig.denokv.start();
    await rig.receiver.waitForEvents(200);
    rig.relay.change({ toClient: "hold" });
    await program.waitForLine(/has not answered within 0\.5 s/);
    const before = rig.receiver.fieldsOf().length;
    rig.relay.cut();
    rig.relay.change({ toClient: "pass" });
    await rig.receiver.waitForEvents(before + 100);
    rig.relay.change({ toServer: "drop" });
    rig.relay.cut();
    await program.waitForLine(/not answered/, { from: "stderr" });
    rig.relay.change({ toServer: "pass" });
    await rig.receiver.waitForEvents(600);
    const fresh = buildEvent({ timeMs: Date.now() });
    rig.auth.append([fresh]);
    await rig.receiver.waitForEvents(601);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
    assert.deepEqual(rig.judge(), { repeats: 0 });
    assert.ok(!program.stderr.join("\n").includes(DENOKV_TOKEN));
  },
);

peerTest(
  "While the state server is away, nothing is sent beyond the next requests; a kill repeats no more",
  { needs },
  async () => {
    await using rig = await startRig(800);
    {
      await using program = rig.start();
      await rig.receiver.waitForEvents(100);
      await rig.denokv.stop();
      await program.waitForLine(/Storage is not available/);
      program.kill("SIGKILL");
      await program.waitForExit();
    }
    await rig.denokv.start();
    await using program = rig.start(["--exit-on-last-event"]);
    assert.equal((await program.waitForExit()).code, 0);
    const { repeats } = rig.judge();
    assert.ok(repeats <= 9 * 20, `${repeats}`);
  },
);

peerTest("A token that the state server refuses ends the start with 78, and is not printed", {
  needs,
}, async () => {
  await using rig = await startRig(0);
  await using program = rig.start([], { DENO_KV_ACCESS_TOKEN: "hunter2-wrong" });
  assert.equal((await program.waitForExit()).code, 78);
  const text = program.stderr.join("\n");
  assert.match(text, /does not accept the token: 401 \(Invalid access token\.\)\. Put its access/);
  assert.ok(!text.includes("hunter2"), text);
});

peerTest("A token that the state server takes back is an error until the file holds a new one", {
  needs,
}, async () => {
  await using rig = await startRig(40);
  const file = `${rig.folder}/token`;
  await Deno.writeTextFile(file, `${DENOKV_TOKEN}\n`, { mode: 0o600 });
  await using program = rig.start(["--storage-token-file", file], { DENO_KV_ACCESS_TOKEN: "" });
  await rig.receiver.waitForEvents(40);
  await rig.denokv.stop();
  await rig.denokv.start([], "SECRET-MARKER-second");
  rig.auth.append([buildEvent({ timeMs: Date.now() })]);
  await program.waitForLine(/ERRO.*Storage needs attention, trying again: .* the token: 401/, {
    timeoutMs: 30_000,
  });
  await Deno.writeTextFile(file, "SECRET-MARKER-second\n");
  await program.waitForLine(/Storage is available again/);
  await rig.receiver.waitForEvents(41);
  program.kill("SIGTERM");
  assert.equal((await program.waitForExit()).code, 0);
  rig.judge();
});

peerTest("fail-fast ends with 1 when the state server is away", { needs }, async () => {
  await using rig = await startRig(0);
  await rig.denokv.stop();
  await using program = rig.start(["--fail-fast"]);
  assert.equal((await program.waitForExit()).code, 1);
  assert.match(program.stderr.join("\n"), /To wait for it instead, start without fail-fast/);
});

peerTest(
  "Rejected events lie on the state server, and are listed, shown, sent again and dropped from anywhere",
  { needs },
  async () => {
    const large = { filler: "x".repeat(200_000) };
    await using rig = await startRig(0);
    const accept = rig.receiver.rejectIf((event) => String(event["uid"]).startsWith("no-good"));
    rig.auth.append([
      buildEvent({ timeMs: Date.now() - 3000, id: "no-good-1" }),
      buildEvent({ timeMs: Date.now() - 2000, id: "fine" }),
      buildEvent({ timeMs: Date.now() - 1000, id: "no-good-2", fields: large }),
      buildEvent({ timeMs: Date.now() - 500, id: "fine-too" }),
    ]);
    await using program = rig.start();
    await program.waitForLine(/Event quarantined.*no-good-1/);
    await program.waitForLine(/Event quarantined.*no-good-2/);
    const list = await rig.command("state", "quarantine", "list");
    assert.match(list.stdout, /no-good-1[^]*no-good-2[^]*2 entries/, list.stderr);
    const show = await rig.command("state", "quarantine", "show", "no-good-2");
    assert.ok(show.stdout.includes(large.filler));
    accept();
    const replay = await rig.command("state", "quarantine", "replay", "no-good-2");
    assert.equal(replay.code, 0, replay.stderr + replay.stdout);
    const drop = await rig.command("state", "quarantine", "drop", "--all", "--yes");
    assert.match(drop.stdout, /1 entry dropped/);
    assert.match(
      (await rig.command("state", "quarantine", "list")).stdout,
      /No event is in the qu/,
    );
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
  },
);

peerTest("doctor says whether the state server can be reached, takes the token, and writes", {
  needs,
}, async () => {
  await using rig = await startRig(0);
  const healthy = await rig.command("doctor");
  assert.match(healthy.stdout, /Storage.*takes writes \(\d.* ms\) and reads/, healthy.stdout);
  await rig.denokv.stop();
  const away = await rig.command("doctor");
  assert.match(away.stdout, /State server 'http:[^']*' cannot be reached/);
  assert.equal(away.code, 1);
});

peerTest(
  "A replica that is stopped while the state server is away says that its last position is not stored",
  { needs },
  async () => {
    await using rig = await startRig(5);
    await using program = rig.start([], {
      FDFWD_LEASE_DURATION: "60s",
      FDFWD_LEASE_RENEW_DEADLINE: "40s",
    });
    await rig.receiver.waitForEvents(5);
    await program.waitForLine(/Caught up/);
    rig.relay.change({ accepts: false });
    rig.relay.cut();
    rig.auth.append([buildEvent({ timeMs: Date.now() })]);
    await rig.receiver.waitForEvents(6);
    await program.waitForLine(/Storage is not available, trying again/);
    program.kill("SIGTERM");
    await program.waitForExit();
    const warnings = program.stderr.filter((line) => line.includes("last position could not be"));
    assert.equal(warnings.length, 1, program.stderr.join("\n"));
  },
);
