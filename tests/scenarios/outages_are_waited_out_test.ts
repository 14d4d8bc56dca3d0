import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { buildEvent, buildEvents, expectedJson } from "../support/events.ts";
import type { FakeAuthServer } from "../support/fake_auth_server.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import type { FakeReceiver, FakeReceiverOptions } from "../support/fake_receiver.ts";
import { judge } from "../support/judge.ts";
import { startProgram } from "../support/program.ts";

/** Both fakes, and a handler that reads them in small pages and sends small requests. */
async function startAll(count: number, receiver: FakeReceiverOptions = {}) {
  await using stack = new AsyncDisposableStack();
  const startMs = Date.now() - 2 * 86_400_000;
  const peers = stack.use(
    await startFakePeers({
      events: buildEvents({ count, startMs, spanMs: 86_400_000 }),
      receiver,
      extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"`, batch: "20" },
    }),
  );
  const args = ["start", "--config", peers.config, "--fluentd-batch-events", "20"];
  const program = stack.use(startProgram({ args }));
  const held = stack.move();
  return { ...peers, program, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Adds a fresh event, waits for it, stops the handler and compares. */
async function judgeAll(
  { auth, receiver, program }: {
    auth: FakeAuthServer;
    receiver: FakeReceiver;
    program: ReturnType<typeof startProgram>;
  },
): Promise<{ repeats: number }> {
  const fresh = buildEvent({ timeMs: Date.now() });
  auth.append([fresh]);
  await receiver.waitForRequest(
    (post) => post.status === 200 && post.events.some((event) => event["uid"] === fresh.id),
    30_000,
  );
  program.kill("SIGTERM");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  const expected = auth.events.map((e) => ({ id: e.id, body: JSON.parse(expectedJson(e)) }));
  assert.deepEqual(receiver.violations, []);
  return judge(expected, receiver.fieldsOf("/test.log"));
}

Deno.test("Fluentd refusing connections is waited out, and everything arrives once", async () => {
  await using all = await startAll(200);
  await all.receiver.waitForEvents(40);
  await all.receiver.refuse();
  await all.program.waitForLine(/WARN.*Fluentd is not available/);
  await all.receiver.accept();
  await all.program.waitForLine(/Fluentd is available again/);
  await judgeAll(all);
});

for (
  const [name, answer] of [
    ["503", { status: 503 }],
    ["429 with Retry-After", { status: 429, headers: { "retry-after": "1" } }],
    ["500", { status: 500, body: "500 Internal Server Error\nbuffer space has too many data" }],
  ] as const
) {
  Deno.test(`Fluentd answering ${name} is waited out, and everything arrives once and in order`, async () => {
    await using all = await startAll(100);
    all.receiver.answerNext(answer, 3);
    assert.deepEqual(await judgeAll(all), { repeats: 0 });
  });
}

for (const reset of ["before-reading", "before-answering", "within-answer"] as const) {
  Deno.test(`A connection that Fluentd resets ${reset.replace("-", " ")} loses nothing`, async () => {
    await using all = await startAll(100);
    await all.receiver.waitForEvents(20);
    all.receiver.answerNext({ reset });
    const { repeats } = await judgeAll(all);
    assert.ok(repeats <= 40, `${repeats} repeats`);
  });
}

Deno.test("A connection that Fluentd closes while it lies idle is no failure to speak of", async () => {
  await using all = await startAll(20, { keepAliveTimeoutMs: 300 });
  await all.program.waitForLine(/Caught up/);
  await all.receiver.waitForOpenConnections(0);
  assert.deepEqual(await judgeAll(all), { repeats: 0 });
  assert.ok(!all.program.stderr.some((line) => /^(WARN|ERRO)/.test(line)));
});

Deno.test("Teleport dropping its connections in the middle of the work loses and repeats nothing", async () => {
  await using all = await startAll(400);
  for (const count of [40, 120, 240]) {
    await all.receiver.waitForEvents(count);
    all.auth.dropConnections();
  }
  assert.deepEqual(await judgeAll(all), { repeats: 0 });
});

Deno.test("Teleport restarting is waited out", async () => {
  await using all = await startAll(100);
  await all.receiver.waitForEvents(100);
  await all.auth.refuse();
  await all.program.waitForLine(/WARN.*Teleport is not available/);
  await all.auth.accept();
  assert.deepEqual(await judgeAll(all), { repeats: 0 });
});

for (
  const code of [
    Code.Canceled,
    Code.Unknown,
    Code.InvalidArgument,
    Code.DeadlineExceeded,
    Code.NotFound,
    Code.PermissionDenied,
    Code.ResourceExhausted,
    Code.Aborted,
    Code.Unimplemented,
    Code.Internal,
    Code.Unavailable,
    Code.DataLoss,
    Code.Unauthenticated,
  ]
) {
  Deno.test(`Teleport answering ${Code[code]} twice loses and repeats nothing`, async () => {
    await using all = await startAll(60);
    await all.receiver.waitForEvents(20);
    all.auth.failNext({ code, times: 2 });
    assert.deepEqual(await judgeAll(all), { repeats: 0 });
  });
}

Deno.test("The handler waits for peers that are not there yet", async () => {
  await using all = await startAll(0);
  await all.auth.refuse();
  await all.receiver.refuse();
  await all.program.waitForLine(/WARN.*Teleport is not available/);
  await all.auth.accept();
  await all.receiver.accept();
  assert.deepEqual(await judgeAll(all), { repeats: 0 });
});

Deno.test("SIGTERM lets the request under way finish, commits it, and exits with 0", async () => {
  await using all = await startAll(60);
  await all.receiver.waitForEvents(20);
  const gate = all.receiver.holdNext();
  all.auth.append([buildEvent({ timeMs: Date.now() })]);
  await gate.reached;
  all.program.kill("SIGTERM");
  gate.open();
  assert.deepEqual(await all.program.waitForExit(), { code: 0, signal: null });
  assert.match(all.program.stderr.at(-1)!, /Stopped sent=\d+/);
});

Deno.test("An event that Fluentd refuses goes to quarantine, and all others arrive", async () => {
  await using all = await startAll(100);
  const bad = all.auth.events[70]!;
  all.receiver.rejectIf((event) => event["uid"] === bad.id);
  await all.program.waitForLine(/ERRO.*Event quarantined/);
  const fresh = buildEvent({ timeMs: Date.now() });
  all.auth.append([fresh]);
  await all.receiver.waitForEvents(100);
  const ids = all.receiver.fieldsOf("/test.log").map((fields) => fields["uid"]);
  assert.deepEqual(ids, all.auth.events.map((event) => event.id).filter((id) => id !== bad.id));
});

Deno.test("A receiver that refuses everything is reported as such, and nothing is quarantined or lost", async () => {
  await using all = await startAll(50);
  const stop = all.receiver.rejectIf(() => true);
  await all.program.waitForLine(/ERRO.*Fluentd needs attention/);
  stop();
  const { repeats } = await judgeAll(all);
  assert.equal(repeats, 0);
});
