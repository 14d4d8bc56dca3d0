import assert from "node:assert/strict";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import type { TeleportKeyMaterial } from "../../src/teleport/identity_file.ts";
import { issueTestCertificate, teleportCertificates } from "../support/certificates.ts";
import { buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakeAuthServer, startFakeAuthServer } from "../support/fake_auth_server.ts";

async function issueCredentials(): Promise<TeleportKeyMaterial> {
  const { hostAuthority, userAuthority } = await teleportCertificates();
  const client = await issueTestCertificate(userAuthority, { commonName: "u", usage: "client" });
  return {
    key: client.privateKeyPem,
    certificate: client.certificatePem,
    authorities: [hostAuthority.certificatePem],
  };
}

async function connect(server: FakeAuthServer) {
  const clock = new FakeClock();
  const connection = createAuthConnection({
    host: "127.0.0.1",
    port: server.port,
    credentials: await issueCredentials(),
    clock,
  });
  const read = async () => {
    const { items } = await connection.auditLog.getUnstructuredEvents({
      startDate: timestampFromMs(FIRST_EVENT_MS),
      endDate: timestampFromMs(FIRST_EVENT_MS + 86_400_000),
    });
    return items.length;
  };
  return {
    clock,
    read,
    renew: async () => connection.useCredentials(await issueCredentials()),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

function connectionIds(server: FakeAuthServer): number[] {
  return server.requests.map((request) => request.connectionId);
}

// The library leaves timers for a connection that it has just closed; they keep nothing alive.
const LEAVES_TIMERS = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "AuthConnection.useCredentials() closes an idle connection, and calls go over a new one",
  LEAVES_TIMERS,
  async () => {
    await using server = await startFakeAuthServer({
      events: buildEvents({ count: 2, spanMs: 1000 }),
    });
    using peer = await connect(server);
    await peer.read();
    await peer.renew();
    await server.waitForOpenConnections(0);
    for (let i = 0; i < 3; i++) assert.equal(await peer.read(), 2);
    assert.deepEqual(connectionIds(server), [1, 2, 2, 2]);
    assert.deepEqual(server.handshakeErrors, []);
  },
);

Deno.test(
  "AuthConnection.useCredentials() lets calls under way end over the old connection, then closes it",
  LEAVES_TIMERS,
  async () => {
    await using server = await startFakeAuthServer({
      events: buildEvents({ count: 2, spanMs: 1000 }),
    });
    using peer = await connect(server);
    await peer.read();
    const gates = [server.holdNext(), server.holdNext()];
    const calls = [peer.read(), peer.read()];
    await Promise.all(gates.map((gate) => gate.reached));
    await peer.renew();
    assert.equal(await peer.read(), 2);
    assert.equal(server.openConnections, 2);
    gates[0]!.open();
    assert.equal(await calls[0], 2);
    assert.equal(server.openConnections, 2);
    gates[1]!.open();
    assert.equal(await calls[1], 2);
    await server.waitForOpenConnections(1);
    assert.equal(await peer.read(), 2);
    assert.deepEqual(connectionIds(server), [1, 1, 1, 2, 2]);
  },
);

Deno.test(
  "AuthConnection.useCredentials() ends a call that takes longer than 40 s after it, as one to try again",
  LEAVES_TIMERS,
  async () => {
    await using server = await startFakeAuthServer({
      events: buildEvents({ count: 2, spanMs: 1000 }),
    });
    using peer = await connect(server);
    await peer.read();
    const hung = server.hangNext();
    const call = peer.read().then(() => undefined, (error) => toTeleportFault("read", error));
    await hung.reached;
    await peer.renew();
    await peer.clock.advance(39_999);
    assert.equal(server.openConnections, 1);
    await peer.clock.advance(1);
    await server.waitForOpenConnections(0);
    await hung.canceled;
    const fault = await call;
    assert.equal(fault?.kind, "unavailable");
    assert.match(fault.text, /^Cannot read: Connection was replaced by a new one/);
    assert.equal(await peer.read(), 2);
    assert.equal(peer.clock.sleeping, 0);
  },
);

Deno.test(
  "AuthConnection.useCredentials() many times in a row leaves one connection behind",
  LEAVES_TIMERS,
  async () => {
    await using server = await startFakeAuthServer({
      events: buildEvents({ count: 2, spanMs: 1000 }),
    });
    using peer = await connect(server);
    const counts: Promise<number>[] = [];
    for (let i = 0; i < 10; i++) {
      counts.push(peer.read());
      await peer.renew();
    }
    for (const count of counts) assert.equal(await count, 2);
    await server.waitForOpenConnections(0);
    assert.equal(await peer.read(), 2);
    assert.equal(server.openConnections, 1);
    assert.equal(peer.clock.sleeping, 0);
  },
);

Deno.test(
  "AuthConnection closes the old connections too when it is disposed of, also within a call",
  LEAVES_TIMERS,
  async () => {
    await using server = await startFakeAuthServer({
      events: buildEvents({ count: 2, spanMs: 1000 }),
    });
    const peer = await connect(server);
    const hung = server.hangNext();
    const call = assert.rejects(peer.read());
    await hung.reached;
    await peer.renew();
    await peer.read();
    peer[Symbol.dispose]();
    await call;
    await server.waitForOpenConnections(0);
    assert.equal(peer.clock.sleeping, 0);
  },
);
