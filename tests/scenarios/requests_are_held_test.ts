import assert from "node:assert/strict";
import { buildEvents, expectedJson } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { Gate } from "../support/gate.ts";
import { judge } from "../support/judge.ts";
import { startRawReceiver } from "../support/raw_receiver.ts";
import { startProgram } from "../support/program.ts";

/** Events of requests large enough to be held. */
const COUNT = 4000;
/** None that leads to a recording. */
const TYPES = ["user.login", "session.start", "cert.create"];

async function startBacklog(extra: Record<string, string> = {}) {
  return await startFakePeers({
    events: buildEvents({ count: COUNT, startMs: Date.now() - 3 * 86_400_000, types: TYPES }),
    extra: { "start-time": '"2025-01-01T00:00:00Z"', ...extra },
  });
}

Deno.test("the next request is on its way while one is under way, and kill -9 at that moment repeats only that one", async () => {
  await using peers = await startBacklog();
  const { auth, config, receiver } = peers;
  const answerGate = new Gate();
  receiver.answerNext({ answerGate });
  {
    await using program = startProgram({ args: ["start", "--config", config] });
    await answerGate.reached;
    const takenCount = receiver.events.length;
    await receiver.waitForRequests(2);
    assert.equal(new Set(receiver.requests.map(({ connectionId }) => connectionId)).size, 2);
    program.kill("SIGKILL");
    await program.exit;
    assert.equal(receiver.events.length, takenCount);
  }
  answerGate.open();
  await using program = startProgram({
    args: ["start", "--config", config, "--exit-on-last-event"],
  });
  assert.equal((await program.waitForExit()).code, 0);
  const expected = auth.events.map((e) => ({ id: e.id, body: JSON.parse(expectedJson(e)) }));
  const { repeats } = judge(expected, receiver.fieldsOf("/test.log"));
  assert.ok(repeats > 0 && repeats <= 1000, `${repeats} repeats`);
  assert.deepEqual(receiver.violations, []);
});

Deno.test("SIGTERM lets the request under way finish and sends no other, though the next one is held", async () => {
  await using peers = await startBacklog();
  const { config, receiver } = peers;
  const gate = receiver.holdNext();
  await using program = startProgram({ args: ["start", "--config", config] });
  await gate.reached;
  await receiver.waitForRequests(2);
  program.kill("SIGTERM");
  await program.waitForLine(/Stopping once Fluentd has answered/);
  gate.open();
  assert.equal((await program.waitForExit()).code, 0);
  const { taken } = receiver.requests[0]!;
  assert.equal(receiver.events.length, taken);
  assert.match(program.stderr.at(-1)!, new RegExp(`Stopped.* sent=${taken} `));
});

Deno.test("with one connection the next request waits for the answer to the one before", async () => {
  await using peers = await startBacklog({ "fluentd-max-connections": "1" });
  const { config, receiver } = peers;
  await using program = startProgram({
    args: ["start", "--config", config, "--exit-on-last-event"],
  });
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal(receiver.events.length, COUNT);
  assert.equal(receiver.connections, 1);
});

Deno.test("a receiver that serves one connection at a time gets every event, after one time-out at most", async () => {
  await using peers = await startBacklog({ "fluentd-timeout": '"1s"' });
  await using receiver = await startRawReceiver(
    (exchange) => exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    { oneAtATime: true },
  );
  const args = ["start", "--config", peers.config, "--fluentd-url", receiver.url];
  await using program = startProgram({ args: [...args, "--exit-on-last-event"] });
  assert.equal((await program.waitForExit()).code, 0);
  assert.match(program.stderr.at(-1)!, new RegExp(`Stopped.* sent=${COUNT} `));
  const retries = program.stderr.filter((line) => line.includes("no answer in time"));
  assert.ok(retries.length <= 1, program.stderr.join("\n"));
});
