import { Code } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import {
  assertCode,
  type AuthServerSubject,
  testAuthServerContract,
} from "../contract/auth_server.ts";
import { type AuthClient, openAuthClient } from "../support/auth_client.ts";
import { startAuthpeer } from "../support/authpeer.ts";
import { teleportCertificates } from "../support/certificates.ts";
import { buildEvents } from "../support/events.ts";
import { type FakeAuthServer, startFakeAuthServer } from "../support/fake_auth_server.ts";
import { peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const PADDING = "x".repeat(800);

async function openFakeSubject(): Promise<AuthServerSubject> {
  const certificates = await teleportCertificates();
  const authorityPem = certificates.hostAuthority.certificatePem;
  const events = buildEvents({ count: 2000, sameTime: 3 })
    .map((event) => ({ ...event, fields: { ...event.fields, padding: PADDING } }));
  const server = await startFakeAuthServer({ certificates, events });
  return {
    address: server.address,
    credentials: {
      good: { ...certificates.client, authorityPem },
      expired: { ...certificates.expired, authorityPem },
      foreign: { ...certificates.foreign.client, authorityPem },
    },
    events,
    [Symbol.asyncDispose]: () => server.close(),
  };
}

async function openAuthpeerSubject(): Promise<AuthServerSubject> {
  const folder = await temporaryFolder();
  const peer = await startAuthpeer({
    dir: folder.path,
    flags: { mode: "legacy", events: 2000, days: 3, start: "2026-01-01T00:00:00Z" },
  });
  return {
    address: peer.address,
    credentials: {
      good: await peer.readCredential("identity"),
      expired: await peer.readCredential("identity-expired"),
      foreign: await peer.readCredential("identity-wrong-ca"),
    },
    events: (await peer.readEvents()).map((event) => ({ ...event, fields: event.body })),
    async [Symbol.asyncDispose]() {
      await peer.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

testAuthServerContract("fake auth server", openFakeSubject, (title, fn) => Deno.test(title, fn));
testAuthServerContract(
  "authpeer",
  openAuthpeerSubject,
  (title, fn) => peerTest(title, { needs: ["AUTHPEER"] }, fn),
);

/** Registers a test of the fake's own faults, with a client that is let in. */
function faultTest(
  title: string,
  fn: (server: FakeAuthServer, client: AuthClient) => Promise<void>,
): void {
  Deno.test(title, async () => {
    const certificates = await teleportCertificates();
    await using server = await startFakeAuthServer({ events: buildEvents({ count: 10 }) });
    using client = openAuthClient({
      address: server.address,
      ...certificates.client,
      authorityPem: certificates.hostAuthority.certificatePem,
    });
    await fn(server, client);
  });
}

function readPage(server: FakeAuthServer, client: AuthClient, signal?: AbortSignal) {
  const events = server.events;
  return client.auditLog.getUnstructuredEvents({
    startDate: timestampFromMs(events[0]!.timeMs),
    endDate: timestampFromMs(events.at(-1)!.timeMs),
    limit: 4,
  }, { timeoutMs: 10_000, ...(signal === undefined ? {} : { signal }) });
}

faultTest(
  "failNext() fails as many calls as it says and journals how each ended",
  async (server, client) => {
    server.failNext({ code: Code.Unavailable, message: "later", times: 2 });
    await assertCode(readPage(server, client), Code.Unavailable);
    await assertCode(readPage(server, client), Code.Unavailable);
    assert.equal((await readPage(server, client)).items.length, 4);
    assert.deepEqual(
      server.requests.map((r) => [r.outcome, r.items, r.limit, r.connectionId]),
      [["Unavailable", undefined, 4, 1], ["Unavailable", undefined, 4, 1], ["ok", 4, 4, 1]],
    );
  },
);

faultTest("holdNext() keeps a call waiting until the gate is opened", async (server, client) => {
  const gate = server.holdNext();
  const page = readPage(server, client);
  await gate.reached;
  assert.equal(server.requests[0]?.outcome, undefined);
  assert.equal(server.openStreams, 1);
  gate.open();
  assert.equal((await page).items.length, 4);
});

faultTest("hangNext() sees that the client gives up", async (server, client) => {
  const hung = server.hangNext();
  const abort = new AbortController();
  const page = readPage(server, client, abort.signal);
  await hung.reached;
  abort.abort();
  await assertCode(page, Code.Canceled);
  await hung.canceled;
});

faultTest(
  "dropNext() breaks the connection and the next call makes a new one",
  async (server, client) => {
    server.dropNext();
    await assert.rejects(readPage(server, client));
    assert.equal((await readPage(server, client)).items.length, 4);
    assert.equal(server.requests[1]?.connectionId, 2);
  },
);

faultTest("resetNext() ends a call and keeps the connection", async (server, client) => {
  server.resetNext();
  await assertCode(readPage(server, client), Code.Internal);
  assert.equal((await readPage(server, client)).items.length, 4);
  assert.equal(server.connections, 1);
});

faultTest("restart() comes back on the same port", async (server, client) => {
  await readPage(server, client);
  const { port } = server;
  await server.refuse();
  await assertCode(readPage(server, client), Code.Unavailable);
  await server.accept();
  assert.equal(server.port, port);
  assert.equal((await readPage(server, client)).items.length, 4);
});

faultTest("goAway() moves the next call to a new connection", async (server, client) => {
  await readPage(server, client);
  server.goAway();
  await server.waitForOpenConnections(0);
  await readPage(server, client);
  assert.equal(server.connections, 2);
});

faultTest("changeNext() changes one answer", async (server, client) => {
  server.changeNext(() => ({ items: [], lastKey: "" }));
  assert.equal((await readPage(server, client)).items.length, 0);
  assert.equal((await readPage(server, client)).items.length, 4);
});

for (const staleCursor of ["empty", "error"] as const) {
  Deno.test(`fake auth server gives no events for a start_key of another window (${staleCursor})`, async () => {
    const certificates = await teleportCertificates();
    const events = buildEvents({ count: 10 });
    await using server = await startFakeAuthServer({ events, staleCursor });
    using client = openAuthClient({
      address: server.address,
      ...certificates.client,
      authorityPem: certificates.hostAuthority.certificatePem,
    });
    const { lastKey } = await readPage(server, client);
    const other = client.auditLog.getUnstructuredEvents({
      startDate: timestampFromMs(events[0]!.timeMs),
      endDate: timestampFromMs(events.at(-1)!.timeMs + 1),
      startKey: lastKey,
    });
    if (staleCursor === "error") return await assertCode(other, Code.InvalidArgument);
    const page = await other;
    assert.deepEqual([page.items.length, page.lastKey], [0, ""]);
  });
}

Deno.test("fake auth server refuses limits over 10,000 and a version header", async () => {
  const certificates = await teleportCertificates();
  await using server = await startFakeAuthServer({ events: buildEvents({ count: 3 }) });
  using client = openAuthClient({
    address: server.address,
    ...certificates.client,
    authorityPem: certificates.hostAuthority.certificatePem,
  });
  const window = { startDate: timestampFromMs(0), endDate: timestampFromMs(Date.now()) };
  const { auditLog } = client;
  await assertCode(
    auditLog.getUnstructuredEvents({ ...window, limit: 10_001 }),
    Code.InvalidArgument,
  );
  await assertCode(
    auditLog.getUnstructuredEvents(window, { headers: { version: "18.0.0" } }),
    Code.FailedPrecondition,
  );
});

Deno.test("fake auth server fails to close when a client leaks its connection", async () => {
  const certificates = await teleportCertificates();
  const server = await startFakeAuthServer({ events: buildEvents({ count: 10 }) });
  using client = openAuthClient({
    address: server.address,
    ...certificates.client,
    authorityPem: certificates.hostAuthority.certificatePem,
  });
  await readPage(server, client);
  await assert.rejects(server.close(), /leaked 1 connections with 0 open streams/);
});
