import assert from "node:assert/strict";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { readWatchedStream } from "../../src/teleport/watched_stream.ts";
import { systemClock } from "../../src/core/clock.ts";
import { startAuthpeer } from "../support/authpeer.ts";
import { teleportCertificates } from "../support/certificates.ts";
import { buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { startFakeAuthServer } from "../support/fake_auth_server.ts";
import { startForgetfulProxy } from "../support/forgetful_proxy.ts";
import { peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const WINDOW = {
  startDate: timestampFromMs(FIRST_EVENT_MS),
  endDate: timestampFromMs(FIRST_EVENT_MS + 86_400_000),
};

Deno.test("A page that is not answered in time is asked for over a new connection, so that a forgotten one costs one call", async () => {
  await using server = await startFakeAuthServer({
    events: buildEvents({ count: 3, spanMs: 1000 }),
  });
  await using proxy = await startForgetfulProxy(server.port);
  const { client, hostAuthority } = await teleportCertificates();
  using connection = createAuthConnection({
    host: "127.0.0.1",
    port: proxy.port,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
    callTimeoutMs: 1500,
  });
  assert.equal((await connection.auditLog.getUnstructuredEvents(WINDOW)).items.length, 3);
  proxy.forget();
  await assert.rejects(connection.auditLog.getUnstructuredEvents(WINDOW), /timed out/);
  assert.equal((await connection.auditLog.getUnstructuredEvents(WINDOW)).items.length, 3);
  assert.equal(server.connections, 2);
});

Deno.test("A page that is refused leaves the connection as it is", async () => {
  await using server = await startFakeAuthServer();
  const { client, hostAuthority } = await teleportCertificates();
  using connection = createAuthConnection({
    host: "127.0.0.1",
    port: server.port,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
  });
  server.failNext({ code: 14 });
  await assert.rejects(connection.auditLog.getUnstructuredEvents(WINDOW));
  await connection.auditLog.getUnstructuredEvents(WINDOW);
  assert.equal(server.connections, 1);
});

peerTest(
  "A stream that falls silent is read on over a new connection",
  { needs: ["AUTHPEER"] },
  async () => {
    await using folder = await temporaryFolder();
    await using authpeer = await startAuthpeer({
      dir: folder.path,
      flags: { events: 10, days: 0.1 },
    });
    await using proxy = await startForgetfulProxy(Number(authpeer.address.split(":")[1]));
    const { authorityPem, certificatePem, privateKeyPem } = await authpeer.readCredential();
    using connection = createAuthConnection({
      host: "127.0.0.1",
      port: proxy.port,
      credentials: { key: privateKeyPem, certificate: certificatePem, authorities: [authorityPem] },
      callTimeoutMs: 1500,
    });
    const list = async () => {
      const date = timestampFromMs(Date.now());
      const messages = readWatchedStream({
        purpose: "list",
        clock: systemClock,
        idleMs: 1500,
        signal: new AbortController().signal,
        call: (signal) =>
          connection.auditLog.getEventExportChunks({ date }, { signal, timeoutMs: 0 }),
      });
      let count = 0;
      for await (const _ of messages) count++;
      return count;
    };
    const count = await list();
    proxy.forget();
    await assert.rejects(list(), /no message for 1.5 s/);
    assert.equal(await list(), count);
  },
);
