import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startAuthpeerRig } from "../support/authpeer_rig.ts";
import { buildEvent, buildEvents, createRandom, expectedJson } from "../support/events.ts";
import { type FakePeersOptions, startFakePeers } from "../support/fake_peers.ts";
import { judge } from "../support/judge.ts";
import { peerTest } from "../support/peer.ts";
import { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { drawSeed } from "../support/seed.ts";

const RUN = fileURLToPath(new URL("../../scripts/run", import.meta.url));
const EXIT_0 = { code: 0, signal: null };

/** Fakes with some events, and a handler between them. */
async function startAll(
  options: { flags?: readonly string[]; count?: number; wrap?: string } & FakePeersOptions = {},
) {
  await using stack = new AsyncDisposableStack();
  const startMs = Date.now() - 3_600_000;
  const peers = stack.use(
    await startFakePeers({
      events: buildEvents({ count: options.count ?? 20, startMs, spanMs: 60_000 }),
      ...options,
      extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"`, ...options.extra },
    }),
  );
  const args = ["start", "--config", peers.config, ...options.flags ?? []];
  const program = stack.use(
    options.wrap === undefined
      ? startProgram({ args })
      // Its pid is on standard output.
      : startProcess({ command: "sh", args: ["-c", options.wrap, RUN, ...args] }),
  );
  const held = stack.move();
  return { ...peers, args, program, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function startProcess(options: { command: string; args: readonly string[] }): TestProcess {
  return new TestProcess({ ...options, env: { NO_COLOR: "1" } });
}

function assertLastLine(program: TestProcess): void {
  assert.match(program.stderr.at(-1)!, /Stopped sent=\d+/, program.stderr.join("\n"));
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal} ends a handler that waits for news with 0, and "Stopped" is its last line`, async () => {
    await using all = await startAll();
    await all.program.waitForLine(/Caught up/);
    all.program.kill(signal);
    assert.deepEqual(await all.program.waitForExit(), EXIT_0);
    assertLastLine(all.program);
    assert.deepEqual(all.program.stdout, []);
  });
}

Deno.test("Stops at any moment lose nothing and repeat nothing", async () => {
  const random = createRandom(drawSeed());
  await using all = await startAll({ count: 400, extra: { batch: "20" } });
  const args = [...all.args, "--fluentd-batch-events", "10"];
  all.program.kill("SIGKILL");
  await all.program.exit;
  for (let stop = 0; stop < 6; stop++) {
    await using program = startProgram({ args });
    const target = all.receiver.requests.length + Math.floor(random() * 8);
    await Promise.race([all.receiver.waitForRequests(target, 3000).catch(() => {}), program.exit]);
    program.kill(random() < 0.5 ? "SIGTERM" : "SIGINT");
    const { code, signal } = await program.waitForExit();
    // Before the program itself runs, a signal ends the runtime.
    assert.ok(code === 0 || signal !== null, `${code} ${program.stderr.join("\n")}`);
  }
  await using program = startProgram({ args: [...args, "--exit-on-last-event"] });
  assert.deepEqual(await program.waitForExit(), EXIT_0);
  const expected = all.auth.events.map((e) => ({ id: e.id, body: JSON.parse(expectedJson(e)) }));
  const { repeats } = judge(expected, all.receiver.fieldsOf("/test.log"));
  // What was sent before the SIGKILL at the beginning.
  assert.ok(repeats <= 20, `${repeats} repeats`);
});

Deno.test("A Fluentd that hangs holds up the end for shutdown-timeout, which is said in one line", async () => {
  await using all = await startAll({ flags: ["--shutdown-timeout", "700ms"] });
  const gate = all.receiver.holdNext();
  await gate.reached;
  const startMs = performance.now();
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(), EXIT_0);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 690 && tookMs < 3000, `${tookMs} ms`);
  const cut = all.program.stderr.filter((line) => line.includes("may be delivered twice"));
  assert.equal(cut.length, 1);
  assert.match(cut[0]!, /^WARN.*shutdown-timeout.*events=20/);
  assertLastLine(all.program);
  gate.open();
});

Deno.test("shutdown-timeout = 0s cuts off what is under way", async () => {
  await using all = await startAll({ extra: { "shutdown-timeout": '"0s"' } });
  const gate = all.receiver.holdNext();
  await gate.reached;
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(3000), EXIT_0);
  assert.ok(all.program.stderr.some((line) => /WARN.*may be delivered twice events=20/.test(line)));
  assertLastLine(all.program);
  gate.open();
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`A second ${signal} ends the handler at once, with ${code}`, async () => {
    await using all = await startAll({ flags: ["--shutdown-timeout", "1h"] });
    const gate = all.receiver.holdNext();
    await gate.reached;
    all.program.kill(signal);
    await all.program.waitForLine(/Stopping/);
    all.program.kill(signal);
    assert.deepEqual(await all.program.waitForExit(3000), { code, signal: null });
    assert.match(all.program.stderr.at(-1)!, /Stopped at once by a second signal/);
    gate.open();
  });
}

Deno.test("A stop while Teleport is waited for at the start ends with 0", async () => {
  await using all = await startAll();
  await all.auth.refuse();
  await all.program.waitForLine(/WARN.*Teleport is not available|Caught up/);
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(3000), EXIT_0);
  assertLastLine(all.program);
});

Deno.test("A stop while the event of cursor is waited for ends with 0", async () => {
  await using all = await startAll({ flags: ["--cursor", "no-such-event"] });
  await all.auth.refuse();
  await all.program.waitForLine(/Looking for the event/);
  all.program.kill();
  const { code } = await all.program.waitForExit(3000);
  // It may have had its answer already: there is no such event.
  assert.ok(code === 0 || code === 78, `${code}`);
});

Deno.test("A stop while Teleport does not answer ends with 0", async () => {
  await using all = await startAll();
  await all.program.waitForLine(/Caught up/);
  const { canceled, reached } = all.auth.hangNext();
  await reached;
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(3000), EXIT_0);
  await canceled;
  assertLastLine(all.program);
});

Deno.test("A stop while Fluentd is away ends with 0", async () => {
  await using all = await startAll();
  await all.program.waitForLine(/Caught up/);
  await all.receiver.refuse();
  all.auth.append([buildEvent({ timeMs: Date.now() })]);
  await all.program.waitForLine(/WARN.*Fluentd is not available/);
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(3000), EXIT_0);
  assertLastLine(all.program);
});

Deno.test("A stop while the disk is full ends with 0, and says what that means", async () => {
  // 64 KiB, in the unit of a POSIX shell.
  const wrap = 'trap \'\' XFSZ; ulimit -f 128; exec "$0" "$@"';
  await using all = await startAll({ wrap, count: 0, flags: ["--timeout", "5ms"] });
  await all.program.waitForLine(/Caught up/);
  const isFull = () => all.program.stderr.some((line) => /WARN.*Storage is not/.test(line));
  for (let poll = 0; poll < 300 && !isFull(); poll++) {
    all.auth.append([buildEvent({ timeMs: Date.now() })]);
    await all.auth.waitForRequests(all.auth.requests.length + 1);
  }
  await all.program.waitForLine(/WARN.*Storage is not available/);
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(3000), EXIT_0);
  assert.ok(
    all.program.stderr.some((line) => /WARN.*The last position could not be stored/.test(line)),
    all.program.stderr.join("\n"),
  );
  assertLastLine(all.program);
});

Deno.test("A closed standard error neither stops nor holds up the handler", async () => {
  await using all = await startAll({ wrap: 'exec "$0" "$@" 2>&-' });
  await all.receiver.waitForEvents(20);
  all.program.kill();
  assert.deepEqual(await all.program.waitForExit(), EXIT_0);
});

Deno.test("A reader of the log that goes away neither stops nor holds up the handler", async () => {
  // The reader takes one line and leaves; the handler's code comes over standard output.
  const wrap = '{ { "$0" "$@" 2>&1 >&3 & pid=$!; echo "$pid" >&3; wait "$pid"; ' +
    'echo "code $?" >&3; } | head -n 1; } 3>&1';
  await using all = await startAll({ wrap });
  const pid = Number(await all.program.waitForLine(/^\d+$/, { from: "stdout" }));
  await all.receiver.waitForEvents(20);
  all.auth.append([buildEvent({ timeMs: Date.now() })]);
  await all.receiver.waitForEvents(21);
  Deno.kill(pid, "SIGTERM");
  await all.program.waitForLine(/^code 0$/, { from: "stdout" });
});

Deno.test("SIGTERM ends the handler in order when it is the first process of a container", async (t) => {
  const unshare = [
    "--fork",
    "--pid",
    "--mount-proc",
    ...Deno.uid() === 0 ? [] : ["--map-root-user"],
  ];
  await using probe = startProcess({ command: "unshare", args: [...unshare, "true"] });
  if ((await probe.exit).code !== 0) {
    await t.step({ name: "this machine allows no new namespaces", ignore: true, fn() {} });
    assert.notEqual(Deno.env.get("CI"), "true", "In CI namespaces must be allowed");
    return;
  }
  // The parent of the first process knows its pid outside.
  const wrap = `unshare ${unshare.join(" ")} "$0" "$@" & ` +
    'pid=$!; until child=$(cat "/proc/$pid/task/$pid/children") && [ -n "$child" ]; do sleep 0.05; done; ' +
    'echo $child; wait "$pid"; echo "code $?"';
  await using all = await startAll({ wrap });
  const pid = Number(await all.program.waitForLine(/^\d+ *$/, { from: "stdout" }));
  await all.program.waitForLine(/Caught up/);
  Deno.kill(pid, "SIGTERM");
  await all.program.waitForLine(/^code 0$/, { from: "stdout" });
  assertLastLine(all.program);
});

peerTest(
  "A stop while a recording is being read ends with 0",
  { needs: ["AUTHPEER"] },
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "legacy", events: 50, sessions: 3, "session-events": 500 },
    });
    await rig.authpeer.control("/fault", {
      method: "StreamUnstructuredSessionEvents",
      kind: "hang",
      after_messages: 100,
      times: -1,
    });
    await using program = startProgram({ args: ["start", "--config", rig.config] });
    await rig.receiver.waitForEvents(50);
    while (await rig.countOpenStreams() === 0) await rig.receiver.waitForEvents(50);
    program.kill();
    assert.deepEqual(await program.waitForExit(3000), EXIT_0);
    assertLastLine(program);
    assert.equal(await rig.countOpenStreams(), 0);
  },
);
