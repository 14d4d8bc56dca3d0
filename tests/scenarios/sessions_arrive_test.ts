import assert from "node:assert/strict";
import { type AuthpeerRig, startAuthpeerRig } from "../support/authpeer_rig.ts";
import { createRandom } from "../support/events.ts";
import { judge } from "../support/judge.ts";
import { peerTest } from "../support/peer.ts";
import { drawSeed } from "../support/seed.ts";
import { startProgram } from "../support/program.ts";

const NEEDS = { needs: ["AUTHPEER"] as const };
/** Everything of a recording, so that it can be counted. */
const ALL_TYPES = ["--skip-session-types", ""];

/** Indexes that arrived at the URL of a session, in the order of their first arrival. */
function arrivedIndexes(rig: AuthpeerRig, sid: string): number[] {
  const fields = rig.receiver.fieldsOf(`/session.${sid}.log`);
  return [...new Set(fields.map((event) => Number(event["ei"])))];
}

/** Every recording that is there arrived whole and in order. */
async function judgeSessions(rig: AuthpeerRig): Promise<void> {
  for (const { events, missing, sid } of (await rig.readSessions()).values()) {
    const indexes = arrivedIndexes(rig, sid);
    if (missing) assert.deepEqual(indexes, []);
    else assert.deepEqual(indexes, Array.from({ length: events }, (_, i) => indexes[0]! + i), sid);
  }
}

for (const mode of ["legacy", "bulk"]) {
  peerTest(
    `Log and recordings arrive whole and in order from a server in ${mode} mode`,
    NEEDS,
    async () => {
      await using rig = await startAuthpeerRig({
        flags: {
          mode,
          events: 5000,
          days: 20,
          sessions: 60,
          "session-events": 300,
          "chunk-events": 60,
        },
      });
      await using program = startProgram({
        args: ["start", "--config", rig.config, "--exit-on-last-event", ...ALL_TYPES],
      });
      assert.equal((await program.waitForExit()).code, 0);
      await judgeSessions(rig);
      const expected = await rig.authpeer.readEvents();
      const records = rig.receiver.fieldsOf("/test.log");
      if (mode === "legacy") {
        assert.deepEqual(judge(expected, records), { repeats: 0 });
      } else {
        // Chunks come in no order; each event comes once all the same.
        const arrived = records.map((record) => String(record["uid"])).sort();
        assert.deepEqual(arrived, expected.map((event) => event.id).sort());
      }
      assert.deepEqual(rig.receiver.violations, []);
      assert.equal(await rig.countOpenStreams(), 0);
    },
  );
}

peerTest(
  "kill -9 at random moments loses nothing of the chunks and the recordings",
  NEEDS,
  async () => {
    const seed = drawSeed();
    const random = createRandom(seed);
    await using rig = await startAuthpeerRig({
      flags: {
        mode: "bulk",
        events: 6000,
        days: 10,
        sessions: 60,
        "session-events": 300,
        "chunk-events": 100,
      },
    });
    const args = ["start", "--config", rig.config, ...ALL_TYPES];
    for (let kill = 0; kill < 10; kill++) {
      await using program = startProgram({ args });
      const target = rig.receiver.requests.length + 1 + Math.floor(random() * 40);
      await Promise.race([
        rig.receiver.waitForRequests(target, 3000).catch(() => {}),
        program.exit,
      ]);
      program.kill("SIGKILL");
      await program.exit;
    }
    await using program = startProgram({ args: [...args, "--exit-on-last-event"] });
    assert.equal((await program.waitForExit()).code, 0);
    await judgeSessions(rig);
    const arrived = new Set(rig.receiver.fieldsOf("/test.log").map((record) => record["uid"]));
    const missing = (await rig.authpeer.readEvents()).filter((event) => !arrived.has(event.id));
    assert.deepEqual(missing.map((event) => event.id), []);
  },
);

peerTest(
  "A recording that appears after its upload event is taken then, and forgotten once done",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({ flags: { mode: "legacy", events: 10, days: 0.01 } });
    await using program = startProgram({ args: ["start", "--config", rig.config, ...ALL_TYPES] });
    await program.waitForLine(/Caught up/);
    await rig.authpeer.append({
      count: 1,
      type: "session.upload",
      session: true,
      session_events: 20,
      missing: true,
    });
    const line = await program.waitForLine(/Set aside for another try.*session\//);
    const sid = /session\/([0-9a-f-]+)/.exec(line)![1]!;
    await rig.authpeer.control("/session", { sid, missing: false });
    await program.waitForLine(new RegExp(`Session recording sent id=${sid} events=20`), {
      timeoutMs: 40_000,
    });
    program.kill("SIGTERM");
    await program.waitForExit();
    await using again = startProgram({ args: ["start", "--config", rig.config] });
    await again.waitForLine(/Caught up/);
    assert.ok(!again.stderr.some((line) => /earlier run/.test(line)));
  },
);

peerTest("A recording that is set aside survives a restart", NEEDS, async () => {
  await using rig = await startAuthpeerRig({ flags: { mode: "legacy", events: 10, days: 0.01 } });
  const args = ["start", "--config", rig.config];
  await using program = startProgram({ args });
  await program.waitForLine(/Caught up/);
  await rig.authpeer.append({
    count: 1,
    type: "session.upload",
    session: true,
    session_events: 5,
    missing: true,
  });
  await program.waitForLine(/Set aside for another try/);
  program.kill("SIGKILL");
  await program.exit;
  await using again = startProgram({ args });
  await again.waitForLine(/recordings are waiting from an earlier run count=1/);
});

peerTest(
  "A recording that breaks off stops neither the log nor other recordings",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "legacy", events: 200, days: 1, sessions: 10, "session-events": 100 },
    });
    const broken = [...(await rig.readSessions()).keys()][3]!;
    await rig.authpeer.control("/fault", {
      method: "StreamUnstructuredSessionEvents",
      match: broken,
      kind: "status",
      code: "DataLoss",
      message: "recording is corrupted",
      after_messages: 50,
      times: -1,
    });
    await using program = startProgram({ args: ["start", "--config", rig.config, ...ALL_TYPES] });
    await program.waitForLine(new RegExp(`Set aside.*${broken}`));
    const sessions = await rig.readSessions();
    for (const { events, sid } of sessions.values()) {
      if (sid === broken) continue;
      await program.waitForLine(new RegExp(`Session recording sent id=${sid} events=${events}`));
    }
    await rig.receiver.waitForRequest((post) => post.path === "/test.log");
    // Its beginning arrived, and it resumes where it broke.
    await rig.authpeer.control("/clear-faults", {});
    await program.waitForLine(new RegExp(`Session recording sent id=${broken}`), {
      timeoutMs: 30_000,
    });
    await judgeSessions(rig);
  },
);

peerTest("print events are skipped unless they are asked for", NEEDS, async () => {
  await using rig = await startAuthpeerRig({
    flags: { mode: "legacy", events: 20, days: 1, sessions: 5, "session-events": 60 },
  });
  await using program = startProgram({
    args: ["start", "--config", rig.config, "--exit-on-last-event"],
  });
  await program.waitForExit();
  const types = new Set(
    rig.receiver.events.filter((event) => event.path !== "/test.log").map((event) =>
      event.fields["event"]
    ),
  );
  assert.ok(types.size > 0 && !types.has("print") && !types.has("desktop.recording"));
});

peerTest("A template and a query in the session URL are obeyed", NEEDS, async () => {
  await using rig = await startAuthpeerRig({
    flags: { mode: "legacy", events: 20, days: 1, sessions: 3, "session-events": 20 },
  });
  const url = rig.receiver.url("/recordings?session={sid}&token=x");
  await using program = startProgram({
    args: ["start", "--config", rig.config, "--exit-on-last-event", "--fluentd-session-url", url],
  });
  await program.waitForExit();
  for (const sid of (await rig.readSessions()).keys()) {
    assert.ok(rig.receiver.fieldsOf(`/recordings?session=${sid}&token=x`).length > 0);
  }
});
