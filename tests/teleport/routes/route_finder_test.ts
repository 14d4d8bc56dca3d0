import assert from "node:assert/strict";
import net, { type AddressInfo } from "node:net";
import { createAuthConnection } from "../../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../../src/teleport/grpc_fault.ts";
import type { Route } from "../../../src/teleport/routes/route.ts";
import { searchPorts } from "../../../src/teleport/routes/search_ports.ts";
import type { Attempt, FoundRoute } from "../../../src/teleport/routes/search_route.ts";
import { teleportCertificates } from "../../support/certificates.ts";
import { buildEvents } from "../../support/events.ts";
import { startFakeAuthServer } from "../../support/fake_auth_server.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { startTcpRelay } from "../../support/tcp_relay.ts";

async function connect(address: string, options: { route?: Route; onRoute: (r: Route) => void }) {
  const { client, hostAuthority } = await teleportCertificates();
  const [host, port] = address.split(":") as [string, string];
  return createAuthConnection({
    host,
    port: Number(port),
    ...options,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
  });
}

Deno.test("RouteFinder keeps a way that fails, doubts it after three failures, and finds the one that works", async () => {
  await using server = await startFakeAuthServer({ events: buildEvents({ count: 1 }) });
  await using relay = startTcpRelay({ port: server.port });
  const told: string[] = [];
  const route: Route = {
    kind: "tls-routing",
    host: "127.0.0.1",
    port: relay.port,
    cluster: "c",
    httpProxy: undefined,
  };
  relay.change({ accepts: false });
  using connection = await connect(`127.0.0.1:${relay.port}`, {
    route,
    onRoute: ({ kind }) => told.push(kind),
  });
  const call = () =>
    connection.auditLog.getUnstructuredEvents({
      startDate: { seconds: 1n, nanos: 0 },
      endDate: { seconds: 4_000_000_000n, nanos: 0 },
    });
  for (let i = 0; i < 3; i++) {
    await assert.rejects(call(), (error) => {
      const { text } = toTeleportFault("read", error);
      assert.match(
        text,
        /^Cannot read: by TLS routing of the proxy: (nothing listens|cannot connect)/,
      );
      return true;
    });
  }
  assert.deepEqual(told, []);
  await assert.rejects(call());
  relay.change({ accepts: true });
  await call();
  assert.deepEqual(told, ["direct"]);
});

Deno.test("RouteFinder knocks first at a port that could not be reached, and at no other", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const said: number[] = [];
  const listening = (async () => {
    for await (const connection of listener) {
      said.push(await connection.read(new Uint8Array(1)) ?? 0);
      connection.close();
    }
  })();
  using connection = await connect(`127.0.0.1:${port}`, { onRoute: () => {} });
  const call = () =>
    assert.rejects(connection.auditLog.getUnstructuredEvents({
      startDate: { seconds: 1n, nanos: 0 },
      endDate: { seconds: 4_000_000_000n, nanos: 0 },
    }));
  await call();
  assert.equal(said[0], 1, "a handshake at once");
  assert.ok(!said.includes(0));
  said.length = 0;
  await call();
  assert.equal(said[0], 0, "a knock");
  assert.equal(said[1], 1, "and the handshake");
  listener.close();
  await listening;
});

Deno.test("RouteFinder says nothing again of the way that was known", async () => {
  await using server = await startFakeAuthServer();
  const told: string[] = [];
  const address = `127.0.0.1:${server.port}`;
  const [host, port] = address.split(":") as [string, string];
  const route: Route = {
    kind: "direct",
    host,
    port: Number(port),
    cluster: "",
    httpProxy: undefined,
  };
  using connection = await connect(address, { route, onRoute: ({ kind }) => told.push(kind) });
  await connection.auditLog.getUnstructuredEvents({
    startDate: { seconds: 1n, nanos: 0 },
    endDate: { seconds: 2n, nanos: 0 },
  });
  assert.deepEqual(told, []);
});

const PROBLEM = { text: "nothing listens", isLasting: false, isFinal: true };
const FAILED: readonly Attempt[] = [{ what: "directly", problem: PROBLEM }];

function foundAt(port: number): FoundRoute {
  const route: Route = { kind: "direct", host: "h", port, cluster: "", httpProxy: undefined };
  return { route, socket: new net.Socket() as FoundRoute["socket"] };
}

const ANY_PORT = { host: "proxy.test", port: 3025, isPortAssumed: true } as const;

Deno.test("searchPorts() tries a given port alone, and all of them when none is given", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const tried: number[] = [];
  const search = (port: number) => {
    tried.push(port);
    return Promise.resolve(FAILED);
  };
  await searchPorts({ host: "proxy.test", port: 7 }, search, { clock, signal });
  assert.deepEqual(tried.splice(0), [7]);
  const result = await searchPorts(ANY_PORT, search, { clock, signal });
  assert.deepEqual(tried, [443, 3080, 3025]);
  assert.deepEqual(result, [443, 3080, 3025].map((port) => ({ port, attempts: FAILED })));
});

Deno.test("searchPorts() gives a silent port a second before it tries the next one too, and ends the others", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const ended: number[] = [];
  const tried: number[] = [];
  const second = Promise.withResolvers<void>();
  const result = searchPorts(ANY_PORT, (port, signal) => {
    tried.push(port);
    if (port === 3080) {
      second.resolve();
      return Promise.resolve(foundAt(port));
    }
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        ended.push(port);
        reject(signal.reason);
      });
    });
  }, { clock, signal });
  while (tried.length === 0) await Promise.resolve();
  assert.deepEqual(tried, [443]);
  await clock.advance(1000);
  await second.promise;
  const found = await result;
  assert.ok("route" in found && found.route.port === 3080);
  assert.deepEqual([tried, ended], [[443, 3080], [443]]);
});

Deno.test("searchPorts() ends with the reason of its signal", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const result = searchPorts(ANY_PORT, (_port, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    }), { clock, signal: stop.signal });
  await Promise.resolve();
  stop.abort(new Error("enough"));
  await assert.rejects(result, /enough/);
});

Deno.test("createAuthConnection() ends a search that is under way when it is disposed of", async () => {
  const sockets: net.Socket[] = [];
  const reached = Promise.withResolvers<void>();
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    reached.resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  const connection = await connect(`127.0.0.1:${port}`, { onRoute: () => {} });
  const call = assert.rejects(connection.auditLog.getUnstructuredEvents({}));
  await reached.promise;
  connection[Symbol.dispose]();
  await call;
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
