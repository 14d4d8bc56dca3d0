import assert from "node:assert/strict";
import { createAuthConnection } from "../../../src/teleport/auth_connection.ts";
import { readTeleportCredentials } from "../../../src/teleport/credentials.ts";
import { PLAIN_NETWORK, type Route } from "../../../src/teleport/routes/route.ts";
import { parseUpgradeOverride } from "../../../src/teleport/routes/upgrade_override.ts";
import { readWebAuthorities } from "../../../src/teleport/routes/web_authorities.ts";
import { type Authpeer, startAuthpeer } from "../../support/authpeer.ts";
import { startConnectProxy } from "../../support/connect_proxy.ts";
import { peerTest } from "../../support/peer.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";

/** What authpeer plays, at which of its ports, and the way that is found then. */
const MODES = [
  { name: "an auth server", flags: {}, kind: "direct", at: "grpc" },
  { name: "a proxy with TLS routing", flags: {}, kind: "tls-routing", at: "proxy" },
  {
    name: "a load balancer that strips protocols",
    flags: { l7: true },
    kind: "connection-upgrade",
    at: "proxy",
  },
  {
    name: "a load balancer that refuses protocols",
    flags: { l7: true, "l7-alert": true },
    kind: "connection-upgrade",
    at: "proxy",
  },
] as const;

for (const mode of MODES) {
  peerTest(
    `Events are read through ${mode.name} with an identity and with a key trio, also by way of an HTTP proxy`,
    { needs: ["AUTHPEER"] },
    async () => {
      await using folder = await temporaryFolder();
      await using authpeer = await startAuthpeer({
        dir: folder.path,
        journal: false,
        flags: {
          ...{ events: 700, mode: "legacy", proxy: "127.0.0.1:0", "check-version": true },
          ...mode.flags,
        },
      });
      await using httpProxy = await startConnectProxy();
      const address = authpeer.ready[mode.at]!;
      for (const credentials of [await readIdentity(authpeer), await readTrio(authpeer)]) {
        for (const proxy of [undefined, httpProxy.proxy]) {
          const routes: Route[] = [];
          const [host, port] = address.split(":") as [string, string];
          using connection = createAuthConnection({
            host,
            port: Number(port),
            credentials,
            network: {
              ...PLAIN_NETWORK,
              findHttpProxy: () => proxy,
              readWebAuthorities: () => readWebAuthorities(authpeer.file("web-ca.pem")),
            },
            onRoute: (route) => routes.push(route),
          });
          const { items } = await connection.auditLog.getUnstructuredEvents({
            startDate: { seconds: 1n, nanos: 0 },
            endDate: { seconds: 4_000_000_000n, nanos: 0 },
            limit: 10_000,
          });
          assert.equal(items.length, 700);
          assert.deepEqual(routes.map((route) => route.kind), [mode.kind]);
          assert.equal(routes[0]!.httpProxy, proxy);
        }
      }
      assert.ok(httpProxy.targets.length > 0);
      assert.ok(httpProxy.targets.every((target) => target === address));
    },
  );
}

peerTest(
  "The official override asks for a connection upgrade, or forbids it, whatever would be found",
  { needs: ["AUTHPEER"] },
  async () => {
    await using folder = await temporaryFolder();
    await using authpeer = await startAuthpeer({
      dir: folder.path,
      journal: false,
      flags: { events: 1, proxy: "127.0.0.1:0" },
    });
    const address = authpeer.ready.proxy!;
    const [host, port] = address.split(":") as [string, string];
    const credentials = await readTrio(authpeer);
    for (const [text, kind] of [["true", "connection-upgrade"], [`${address}=no`, "tls-routing"]]) {
      const routes: Route[] = [];
      using connection = createAuthConnection({
        host,
        port: Number(port),
        credentials,
        network: {
          ...PLAIN_NETWORK,
          findUpgradeOverride: parseUpgradeOverride(text!),
          readWebAuthorities: () => readWebAuthorities(authpeer.file("web-ca.pem")),
        },
        onRoute: (route) => routes.push(route),
      });
      assert.equal((await connection.auth.ping({})).ServerVersion, "18.2.0");
      assert.deepEqual(routes.map((route) => route.kind), [kind]);
    }
  },
);

function readIdentity(authpeer: Authpeer) {
  return readTeleportCredentials({ identity: authpeer.file("identity") }, Date.now());
}

function readTrio(authpeer: Authpeer) {
  return readTeleportCredentials({
    certificate: authpeer.file("client.crt"),
    key: authpeer.file("client.key"),
    authority: authpeer.file("cas.pem"),
  }, Date.now());
}
