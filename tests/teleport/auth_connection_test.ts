import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type AuthConnection, createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import {
  issueTestAuthority,
  issueTestCertificate,
  teleportCertificates,
  writeTeleportFiles,
} from "../support/certificates.ts";
import { buildEvent, buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { type FakeAuthServer, startFakeAuthServer } from "../support/fake_auth_server.ts";
import { TestProcess } from "../support/process.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function connect(port: number, callTimeoutMs?: number): Promise<AuthConnection> {
  const { client, hostAuthority } = await teleportCertificates();
  return createAuthConnection({
    host: "127.0.0.1",
    port,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
    ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }),
  });
}

/** Reads the whole log in one page; returns how many events it has. */
async function readCount(connection: AuthConnection, signal?: AbortSignal): Promise<number> {
  const page = await connection.auditLog.getUnstructuredEvents({
    startDate: timestampFromMs(FIRST_EVENT_MS),
    endDate: timestampFromMs(FIRST_EVENT_MS + 86_400_000),
  }, signal === undefined ? {} : { signal });
  return page.items.length;
}

function events(count: number) {
  return buildEvents({ count, spanMs: 1000 });
}

Deno.test("createAuthConnection() asks for teleport.cluster.local and for HTTP/2 alone, whatever the address", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using connection = await connect(listener.addr.port);
  const call = readCount(connection).catch(() => {});
  using accepted = await listener.accept();
  const hello = new Uint8Array(16 * 1024);
  const length = await accepted.read(hello);
  listener.close();
  const text = new TextDecoder("latin1").decode(hello.subarray(0, length!));
  assert.ok(text.includes("teleport.cluster.local"));
  assert.ok(text.includes("\x00\x03\x02h2"), "protocols offered are not h2 alone");
  assert.ok(!text.includes("127.0.0.1") && !text.includes("http/1"));
  connection[Symbol.dispose]();
  await call;
});

Deno.test("createAuthConnection() dials nothing before the first call, and one connection for all calls", async () => {
  await using server = await startFakeAuthServer({ events: events(3) });
  using connection = await connect(server.port);
  assert.equal(server.connections, 0);
  await Promise.all([readCount(connection), readCount(connection)]);
  for (let i = 0; i < 5; i++) assert.equal(await readCount(connection), 3);
  assert.equal(server.connections, 1);
});

Deno.test("createAuthConnection() sends no version header, and a deadline with each call", async () => {
  await using server = await startFakeAuthServer({ events: events(1) });
  using connection = await connect(server.port);
  await readCount(connection);
  const [request] = server.requests;
  assert.equal(request!.headers.has("version"), false);
  assert.ok(request!.timeoutMs! > 50_000 && request!.timeoutMs! <= 60_000, `${request!.timeoutMs}`);
});

Deno.test("createAuthConnection() gives a call up at its deadline and goes on", async () => {
  await using server = await startFakeAuthServer({ events: events(2) });
  using connection = await connect(server.port, 300);
  const hung = server.hangNext();
  await assert.rejects(readCount(connection), (error) => {
    const fault = toTeleportFault("read", error);
    assert.equal(fault.kind, "unavailable");
    assert.match(fault.message, /DeadlineExceeded/);
    return true;
  });
  await hung.canceled;
  assert.equal(await readCount(connection), 2);
});

Deno.test("createAuthConnection() gives a call up at an abort and tells the server", async () => {
  await using server = await startFakeAuthServer({ events: events(2) });
  using connection = await connect(server.port);
  const hung = server.hangNext();
  const controller = new AbortController();
  const call = readCount(connection, controller.signal);
  await hung.reached;
  controller.abort(new Error("enough"));
  await assert.rejects(call);
  await hung.canceled;
  assert.equal(await readCount(connection), 2);
});

/** Ways to lose a connection between two calls. */
const LOSSES: readonly [string, (server: FakeAuthServer) => Promise<void> | void][] = [
  ["dropped it", (server) => server.dropConnections()],
  ["asked for a new one", (server) => server.goAway()],
  ["was restarted", (server) => server.restart()],
];

for (const [what, lose] of LOSSES) {
  Deno.test(`createAuthConnection() makes a new connection when the server ${what}, after one lost call at most`, async () => {
    await using server = await startFakeAuthServer({ events: events(2) });
    using connection = await connect(server.port);
    for (let i = 1; i <= 3; i++) {
      // The client may not have noticed yet what happened to its connection.
      const count = await readCount(connection).catch((error) => {
        assert.equal(toTeleportFault("read", error).kind, "unavailable");
        return readCount(connection);
      });
      assert.equal(count, 2);
      assert.equal(server.connections, i);
      await lose(server);
      await server.waitForOpenConnections(0);
    }
  });
}

Deno.test("createAuthConnection() says unavailable when a connection is lost within a call, and goes on", async () => {
  await using server = await startFakeAuthServer({ events: events(2) });
  using connection = await connect(server.port);
  await readCount(connection);
  const hung = server.hangNext();
  const call = assert.rejects(
    readCount(connection),
    (error) => toTeleportFault("read", error).kind === "unavailable",
  );
  await hung.reached;
  server.dropConnections();
  await call;
  assert.equal(await readCount(connection), 2);
});

Deno.test("createAuthConnection() says unavailable while nobody listens, and connects when somebody does", async () => {
  await using server = await startFakeAuthServer({ events: events(2) });
  using connection = await connect(server.port);
  await server.refuse();
  for (let i = 0; i < 3; i++) {
    await assert.rejects(
      readCount(connection),
      (error) => /ECONNREFUSED/.test(toTeleportFault("read", error).message),
    );
  }
  await server.accept();
  assert.equal(await readCount(connection), 2);
});

Deno.test("createAuthConnection() takes events far over the 4 MiB that stop the Go handler", async () => {
  const text = "x".repeat(9 * 1024 * 1024);
  await using server = await startFakeAuthServer({ events: [buildEvent({ fields: { text } })] });
  using connection = await connect(server.port);
  assert.equal(await readCount(connection), 1);
});

// The library starts two timers for the connection that it has just closed; they keep nothing alive.
const LEAVES_TIMERS = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "createAuthConnection() closes its connection when it is disposed of, also within a call",
  LEAVES_TIMERS,
  async () => {
    await using server = await startFakeAuthServer({ events: events(2) });
    const hung = server.hangNext();
    const connection = await connect(server.port);
    const call = assert.rejects(readCount(connection));
    await hung.reached;
    connection[Symbol.dispose]();
    await call;
    await server.waitForOpenConnections(0);
  },
);

Deno.test("createAuthConnection() trusts the cluster's authorities alone, not those that the system trusts", async () => {
  await using folder = await temporaryFolder();
  const { identity } = await writeTeleportFiles(folder.path);
  const authority = await issueTestAuthority("an authority that the system trusts");
  await Deno.writeTextFile(folder.join("public.crt"), authority.certificatePem);
  const server = await issueTestCertificate(authority, {
    commonName: "x",
    usage: "server",
    dnsNames: ["localhost", "teleport.cluster.local"],
  });
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: server.certificatePem,
    key: server.privateKeyPem,
  });
  const serving = (async () => {
    for await (const connection of listener) {
      // Until the client closes: it may judge the certificate after the handshake.
      connection.readable.pipeTo(new WritableStream()).catch(() => {});
    }
  })();
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  await using child = new TestProcess({
    command: Deno.execPath(),
    args: [
      ...["run", "--quiet", "--no-prompt", `--config=${file("../../deno.json")}`, "--cached-only"],
      ...["--allow-net", "--allow-read", "--allow-env", file("../support/auth_child.ts")],
      ...[String((listener.addr as Deno.NetAddr).port), identity],
    ],
    env: { DENO_CERT: folder.join("public.crt") },
  });
  await child.waitForExit();
  listener.close();
  await serving;
  assert.equal(child.stdout[0], "runtime yes");
  assert.match(
    child.stdout[1] ?? child.stderr.join("\n"),
    /^program .*not signed by the cluster's certificate authority$/,
  );
});
