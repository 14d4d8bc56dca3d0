import assert from "node:assert/strict";
import { buildEvent, buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

const EXIT_0 = { code: 0, signal: null };
const EXIT_1 = { code: 1, signal: null };
const LOST =
  /Storage is not the one that was opened: '.*\/state\.kv' is (gone|another file now)\. /;

Deno.test("A handler whose storage is deleted or replaced ends with 1, and says so", async () => {
  const startMs = Date.now() - 3_600_000;
  await using peers = await startFakePeers({
    events: buildEvents({ count: 20, startMs, spanMs: 60_000 }),
    extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"` },
  });
  const args = ["start", "--config", peers.config];
  const removeStorage = () => Deno.remove(peers.storage, { recursive: true });
  {
    await using program = startProgram({ args });
    await program.waitForLine(/Caught up/);
    await removeStorage();
    peers.auth.append([buildEvent({ id: "late", timeMs: Date.now() })]);
    assert.deepEqual(await program.waitForExit(), EXIT_1);
    assert.match(program.stderr.at(-1)!, LOST);
  }
  {
    await using program = startProgram({ args });
    await program.waitForLine(/Caught up/);
    await removeStorage();
    program.kill("SIGTERM");
    assert.deepEqual(await program.waitForExit(), EXIT_1);
    assert.match(program.stderr.at(-1)!, LOST);
  }
  await using first = startProgram({ args });
  await first.waitForLine(/Caught up/);
  await removeStorage();
  await using second = startProgram({ args });
  await second.waitForLine(/Caught up/);
  // There is nothing to store for the first one; it finds out by itself, and harms the second one nothing.
  assert.deepEqual(await first.waitForExit(), EXIT_1);
  assert.match(first.stderr.at(-1)!, LOST);
  second.kill("SIGTERM");
  assert.deepEqual(await second.waitForExit(), EXIT_0);
  const sent = peers.receiver.requests.length;
  await using third = startProgram({ args: [...args, "--exit-on-last-event"] });
  assert.deepEqual(await third.waitForExit(), EXIT_0);
  assert.equal(peers.receiver.requests.length, sent);
});
