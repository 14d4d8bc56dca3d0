import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { writeFluentdFiles } from "../support/certificates.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { judge } from "../support/judge.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { startTcpRelay } from "../support/tcp_relay.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const COUNT = 400;
const LATER = 200;

/** authpeer behind a way that can be cut, a receiver, and the program under way between them. */
async function startAll(options: {
  flags: Record<string, string | boolean>;
  at: "grpc" | "proxy";
}) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  await Deno.mkdir(folder.join("auth"));
  const authpeer = stack.use(
    await startAuthpeer({
      dir: folder.join("auth"),
      flags: { events: COUNT, mode: "legacy", proxy: "127.0.0.1:0", ...options.flags },
    }),
  );
  const relay = stack.use(startTcpRelay({ port: portOf(authpeer.ready[options.at]!) }));
  const receiver = stack.use(await startFakeReceiver());
  const config = await writeSettings({
    folder: folder.path,
    address: `127.0.0.1:${relay.port}`,
    identity: authpeer.file("identity"),
    url: (path) => receiver.url(path),
    files: await writeFluentdFiles(folder.path),
    extra: { "start-time": '"2026-01-01T00:00:00Z"', batch: "20" },
  });
  const program = stack.use(
    startProgram({
      args: ["start", "--config", config, "--fluentd-batch-events", "20"],
      env: {
        SSL_CERT_FILE: authpeer.file("web-ca.pem"),
        // Not for loopback, neither by us nor by the runtime.
        HTTPS_PROXY: "http://user:s3cret@127.0.0.1:1",
      },
    }),
  );
  const held = stack.move();
  return { authpeer, relay, receiver, program, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function portOf(address: string): number {
  return Number(address.split(":").at(-1));
}

/** Waits for everything, stops the program and compares what came with what there is. */
async function judgeAll(
  { authpeer, program, receiver }: Awaited<ReturnType<typeof startAll>>,
): Promise<void> {
  await receiver.waitForEvents(COUNT + LATER);
  program.kill("SIGTERM");
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
  const expected = (await authpeer.readEvents()).map(({ body, id }) => ({ id, body }));
  assert.equal(expected.length, COUNT + LATER);
  assert.equal(judge(expected, receiver.fieldsOf("/test.log")).repeats, 0);
}

const WAYS = [
  { name: "TLS routing", flags: {}, words: /by TLS routing of the proxy at/ },
  {
    name: "connection upgrade",
    flags: { l7: true },
    words: /by connection upgrade of the proxy at/,
  },
];

for (const { flags, name, words } of WAYS) {
  peerTest(
    `A way by ${name} that is cut under load and mended loses and repeats nothing, and is told of once`,
    { needs: ["AUTHPEER"] },
    async () => {
      await using all = await startAll({ flags, at: "proxy" });
      const { authpeer, program, receiver, relay } = all;
      assert.match(await program.waitForLine(/Teleport is reached/), words);
      await receiver.waitForEvents(40);
      relay.change({ accepts: false });
      relay.cut();
      await program.waitForLine(/WARN.*Teleport is not available/);
      await authpeer.append({ count: LATER });
      relay.change({ accepts: true });
      await program.waitForLine(/Teleport is available again/);
      relay.cut();
      await judgeAll(all);
      assert.equal(program.stderr.filter((line) => /Teleport is reached/.test(line)).length, 1);
    },
  );
}

peerTest(
  "An address that leads to a proxy from now on, in place of an auth server, heals without a restart",
  { needs: ["AUTHPEER"] },
  async () => {
    await using all = await startAll({ flags: { l7: true }, at: "grpc" });
    const { authpeer, program, receiver, relay } = all;
    assert.match(await program.waitForLine(/Teleport is reached/), /directly at/);
    await receiver.waitForEvents(40);
    relay.change({ port: portOf(authpeer.ready.proxy!) });
    relay.cut();
    await authpeer.append({ count: LATER });
    await program.waitForLine(/Teleport is reached.*by connection upgrade/);
    await judgeAll(all);
  },
);
