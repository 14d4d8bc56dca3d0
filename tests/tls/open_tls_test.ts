import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { openTls, TlsFailure } from "../../src/tls/open_tls.ts";
import { fluentdCertificates } from "../support/certificates.ts";

const NEVER = new AbortController().signal;

/** A server that only shakes hands, and how each connection to it has ended. */
async function startServer() {
  const { authority, server } = await fluentdCertificates();
  const ends: string[] = [];
  const tls = createServer({ cert: server.certificatePem, key: server.privateKeyPem });
  const ended = Promise.withResolvers<void>();
  tls.on("tlsClientError", (error) => ends.push(`in the handshake: ${error.message}`));
  tls.on("secureConnection", (socket) => {
    socket.on("error", (error) => ends.push(`broken: ${error.message}`));
    socket.on("end", () => ends.push("in good order")).resume();
    socket.on("close", () => ended.resolve());
  });
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  const { port } = tls.address() as AddressInfo;
  return {
    authority,
    ends,
    ended: ended.promise,
    port,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void tls.close(() => done())),
  };
}

Deno.test("openTls() leaves a server that is not trusted in good order", async () => {
  await using server = await startServer();
  const options = { host: "127.0.0.1", port: server.port, protocols: [], authorities: [] };
  await assert.rejects(openTls(options, NEVER), (error) => {
    assert.ok(error instanceof TlsFailure && error.wasConnected);
    assert.match(error.message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
    return true;
  });
  await server.ended;
  assert.deepEqual(server.ends, ["in good order"]);
});

Deno.test("openTls() gives no connection whose server has the wrong name, or fails the check", async () => {
  await using server = await startServer();
  const { port } = server;
  const authorities = [server.authority.certificatePem];
  const options = { host: "127.0.0.1", port, protocols: [], authorities };
  await assert.rejects(openTls({ ...options, serverName: "other.example.com" }, NEVER), TlsFailure);
  await assert.rejects(
    openTls({ ...options, checkServer: () => new Error("not the one") }, NEVER),
    (error) => error instanceof TlsFailure && /not the one/.test(error.message),
  );
  const socket = await openTls({ ...options, checkServer: () => undefined }, NEVER);
  assert.equal(socket.authorized, true);
  socket.destroy();
});
