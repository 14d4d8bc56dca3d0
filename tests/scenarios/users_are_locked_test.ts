import assert from "node:assert/strict";
import { type AuthpeerRig, startAuthpeerRig } from "../support/authpeer_rig.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";

const NEEDS = { needs: ["AUTHPEER"] as const };
const LOCKING = ["--lock-enabled", "--lock-failed-attempts-count", "3", "--lock-period", "1m"];

interface Lock {
  readonly name: string;
  readonly target: { readonly user?: string };
  readonly message: string;
  readonly expires?: string;
}

/** Adds failed logins of one user, and one event after them. */
async function failLogins(rig: AuthpeerRig, user: string, count: number, ageSeconds = 0) {
  await rig.authpeer.append({ count, type: "user.login/failed", user, age_seconds: ageSeconds });
}

async function readLocks(rig: AuthpeerRig): Promise<Lock[]> {
  return await rig.authpeer.control<Lock[]>("/locks");
}

peerTest(
  "A user is locked at the first failure beyond the budget, and others are not",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "legacy", events: 5, days: 0.01, "allow-lock": true },
    });
    await using program = startProgram({
      args: ["start", "--config", rig.config, ...LOCKING, "--lock-for", "1h"],
    });
    await program.waitForLine(/Caught up/);
    await failLogins(rig, "alice", 3);
    await failLogins(rig, "bob", 4);
    await program.waitForLine(/User locked.*user=bob/);
    const locks = await readLocks(rig);
    assert.equal(locks.length, 1);
    const { expires, message, name, target } = locks[0]!;
    assert.equal(name, "event-handler-auto-lock-bob-");
    assert.deepEqual(target, { user: "bob" });
    assert.equal(message, "User is locked due to too many failed login attempts");
    const leftMs = Date.parse(expires!) - Date.now();
    assert.ok(leftMs > 3_500_000 && leftMs <= 3_600_000);
  },
);

peerTest("Failed logins are counted across a restart", NEEDS, async () => {
  await using rig = await startAuthpeerRig({
    flags: { mode: "legacy", events: 5, days: 0.01, "allow-lock": true },
  });
  const args = ["start", "--config", rig.config, ...LOCKING];
  await using first = startProgram({ args });
  await first.waitForLine(/Caught up/);
  await failLogins(rig, "alice", 3);
  await rig.receiver.waitForEvents(8);
  first.kill("SIGTERM");
  await first.waitForExit();
  await using second = startProgram({ args });
  await second.waitForLine(/Caught up/);
  await failLogins(rig, "alice", 1);
  await second.waitForLine(/User locked.*user=alice/);
});

peerTest("An export of the past locks nobody", NEEDS, async () => {
  await using rig = await startAuthpeerRig({
    flags: { mode: "legacy", events: 5, days: 0.01, "allow-lock": true },
  });
  await failLogins(rig, "alice", 20, 86_400);
  await using program = startProgram({
    args: ["start", "--config", rig.config, ...LOCKING, "--exit-on-last-event"],
  });
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal(rig.receiver.events.length, 25);
  assert.deepEqual(await readLocks(rig), []);
});

peerTest(
  "Without the right to lock one warning names the role's lines, and the export goes on",
  NEEDS,
  async () => {
    await using rig = await startAuthpeerRig({ flags: { mode: "legacy", events: 5, days: 0.01 } });
    await using program = startProgram({ args: ["start", "--config", rig.config, ...LOCKING] });
    await program.waitForLine(/Caught up/);
    await failLogins(rig, "alice", 8);
    await failLogins(rig, "bob", 8);
    await program.waitForLine(/WARN.*Auto-lock is off.*verbs \['create', 'update'\]/);
    await rig.receiver.waitForEvents(21);
    assert.equal(program.stderr.filter((line) => /Auto-lock is off/.test(line)).length, 1);
  },
);

peerTest("A dry run locks nobody", NEEDS, async () => {
  await using rig = await startAuthpeerRig({
    flags: { mode: "legacy", events: 5, days: 0.01, "allow-lock": true },
  });
  await failLogins(rig, "alice", 8);
  await using program = startProgram({
    args: ["start", "--config", rig.config, ...LOCKING, "--dry-run", "--exit-on-last-event"],
  });
  assert.equal((await program.waitForExit()).code, 0);
  assert.deepEqual(await readLocks(rig), []);
});
