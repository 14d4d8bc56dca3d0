import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { buildEvent, buildEvents } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";

const FROM_SOURCE = fileURLToPath(new URL("../../scripts/run", import.meta.url));
const IS_WINDOWS = Deno.build.os === "windows";

/** A handler that has caught up, which is seen at the receiver, with its log elsewhere. */
async function startAll(logArgs: (folder: string) => readonly string[]) {
  await using stack = new AsyncDisposableStack();
  const startMs = Date.now() - 3_600_000;
  const peers = stack.use(
    await startFakePeers({
      events: buildEvents({ count: 3, startMs, spanMs: 60_000 }),
      extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"` },
    }),
  );
  const args = ["start", "--config", peers.config, ...logArgs(peers.folder)];
  const program = stack.use(startProgram({ args }));
  await peers.receiver.waitForEvents(3);
  const held = stack.move();
  return { ...peers, program, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Adds an event and waits until the receiver has it: the handler is at work. */
async function forwardOne(
  { auth, receiver }: Pick<FakePeers, "auth" | "receiver">,
): Promise<string> {
  const event = buildEvent({ timeMs: Date.now() });
  auth.append([event]);
  await receiver.waitForRequest((post) => post.events.some(({ uid }) => uid === event.id));
  return event.id;
}

/** SIGHUP, and the handler has dealt with it: the signal is heard before the events that follow. */
async function hangUp(all: FakePeers & { readonly program: TestProcess }): Promise<void> {
  all.program.kill("SIGHUP");
  await forwardOne(all);
  await forwardOne(all);
}

async function stop(program: TestProcess): Promise<void> {
  program.kill("SIGTERM");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
}

Deno.test(
  "log-output names a file that takes every line, and SIGHUP opens it anew after a rotation",
  {
    ignore: IS_WINDOWS,
  },
  async () => {
    await using all = await startAll((folder) => ["--log-output", `${folder}/handler.log`]);
    const path = `${all.folder}/handler.log`;
    await Deno.rename(path, `${path}.1`);
    await hangUp(all);
    const last = await forwardOne(all);
    await stop(all.program);
    assert.match(await Deno.readTextFile(`${path}.1`), /^INFO\[0000\] Teleport event handler v/);
    const fresh = await Deno.readTextFile(path);
    assert.match(fresh, /^INFO\[\d+\] Log file opened anew\n/);
    assert.match(fresh, new RegExp(`Event sent id=${last}`));
    assert.match(fresh, /\] Stopped sent=\d+ .*\n$/);
    assert.deepEqual([all.program.stdout, all.program.stderr], [[], []]);
  },
);

Deno.test("SIGHUP ends no handler whose log goes to no file", { ignore: IS_WINDOWS }, async () => {
  await using all = await startAll(() => []);
  all.program.kill("SIGHUP");
  await all.program.waitForLine(/INFO.*SIGHUP has no effect: the log goes to no file/);
  await forwardOne(all);
  await stop(all.program);
});

Deno.test("log-output = stdout puts the lines there, and nothing on standard error", async () => {
  await using all = await startAll(() => ["--log-output", "stdout", "--log-format", "json"]);
  const line = await all.program.waitForLine(/Caught up/, { from: "stdout" });
  assert.deepEqual(
    [JSON.parse(line).level, JSON.parse(line).component],
    ["info", "event-handler"],
  );
  await stop(all.program);
  assert.deepEqual(all.program.stderr, []);
});

Deno.test(
  "A log disk that is full holds no event up, and what it cost is told when there is room again",
  {
    ignore: IS_WINDOWS,
  },
  async () => {
    const startTime = new Date(Date.now() - 60_000).toISOString();
    await using peers = await startFakePeers({ extra: { "start-time": `"${startTime}"` } });
    const path = `${peers.folder}/handler.log`;
    // No file may be larger than 1 MiB, and this one nearly is: the system takes a part of a line.
    await Deno.writeTextFile(path, `${"x".repeat(1_048_576 - 100)}\n`);
    const limit = `trap '' XFSZ; ulimit -f 2048; exec "$@"`;
    const program = Deno.env.get("PROGRAM") ?? FROM_SOURCE;
    const args = ["start", "--config", peers.config, "--log-output", path];
    await using handler = new TestProcess({
      command: "sh",
      args: ["-c", limit, "sh", program, ...args],
    });
    for (let i = 0; i < 3; i++) await forwardOne(peers);
    assert.equal((await Deno.stat(path)).size, 1_048_576);
    await Deno.rename(path, `${path}.1`);
    await hangUp({ ...peers, program: handler });
    await stop(handler);
    assert.deepEqual(handler.stderr, []);
    const [first, second] = (await Deno.readTextFile(path)).split("\n");
    assert.match(
      first!,
      /^WARN\[\d+\] Lines of the log were lost, because they could not be written count=\d+ reason="File too large/,
    );
    assert.match(second!, /^INFO\[\d+\] Log file opened anew$/);
  },
);

Deno.test("A log file that cannot be opened is told with the setting, its source and what to do", async () => {
  await using peers = await startFakePeers();
  const path = `${peers.folder}/gone/handler.log`;
  const env = { FDFWD_LOG_OUTPUT: path };
  await using program = startProgram({ args: ["start", "--config", peers.config], env });
  assert.equal((await program.waitForExit()).code, 78);
  assert.deepEqual(program.stdout, []);
  assert.match(program.stderr[0]!, /1 setting needs attention/);
  assert.match(
    program.stderr[1]!,
    /FDFWD_LOG_OUTPUT=".*gone\/handler\.log": The log file cannot be opened: No such file or directory.*\. Its folder must exist/,
  );
  assert.equal(program.stderr.length, 2);
});

Deno.test("What ends a handler whose log goes to a file is told to whoever started it, too", async () => {
  await using peers = await startFakePeers();
  await Deno.writeTextFile(peers.files.teleport.identity, "nonsense");
  const path = `${peers.folder}/handler.log`;
  const args = ["start", "--config", peers.config, "--log-output", path];
  await using program = startProgram({ args });
  assert.equal((await program.waitForExit()).code, 78);
  assert.equal(program.stderr.length, 1);
  assert.match(program.stderr[0]!, /^teleport-event-handler: Cannot use the credentials in /);
  assert.match(await Deno.readTextFile(path), /ERRO\[\d+\] Cannot use the credentials in /);
});
