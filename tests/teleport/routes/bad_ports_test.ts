import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import net, { type AddressInfo, type Socket } from "node:net";
import tls from "node:tls";
import { createAuthConnection } from "../../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../../src/teleport/grpc_fault.ts";
import { createHttpProxyFinder, type HttpProxy } from "../../../src/core/http_proxy.ts";
import { PLAIN_NETWORK } from "../../../src/teleport/routes/route.ts";
import { readWebAuthorities } from "../../../src/teleport/routes/web_authorities.ts";
import {
  issueTestAuthority,
  issueTestCertificate,
  teleportCertificates,
} from "../../support/certificates.ts";
import { type ConnectProxyOptions, startConnectProxy } from "../../support/connect_proxy.ts";

/** What a port does with a connection, after its TLS handshake where it speaks TLS. */
type Behaviour = (socket: Socket) => void;

/** A port that misbehaves: `await using port = await listen(behaviour)`. */
async function listen(
  behave: Behaviour,
  secure?: { certificatePem: string; privateKeyPem: string; protocols?: string[] },
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    behave(socket);
  };
  const server = secure === undefined ? net.createServer(serve) : tls.createServer({
    cert: secure.certificatePem,
    key: secure.privateKeyPem,
    ...(secure.protocols === undefined ? {} : { ALPNProtocols: secure.protocols }),
  }, serve);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(body: string, status = "200 OK"): Behaviour {
  const bytes = Buffer.from(body);
  return (socket) =>
    socket.once("data", () => {
      socket.write(`HTTP/1.1 ${status}\r\ncontent-length: ${bytes.length}\r\n\r\n`);
      socket.end(bytes);
    });
}

/** A proxy that says this about itself, and upgrades nothing. */
function proxyOf(facts: Record<string, unknown>): Behaviour {
  const body = { cluster_name: "c", server_version: "18.2.0", proxy: {}, ...facts };
  return answer(JSON.stringify(body));
}

function flood(socket: Socket): void {
  const blanks = Buffer.alloc(64 * 1024, " ");
  const pour = () => {
    while (!socket.destroyed && socket.write(blanks));
  };
  socket.on("drain", pour);
  socket.once("data", () => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n");
    pour();
  });
}

const authority = await issueTestAuthority("web authority");
const HOSTS = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };
const web = await issueTestCertificate(authority, {
  ...{ commonName: "web", usage: "server", ...HOSTS },
});
const expired = await issueTestCertificate(authority, {
  ...{ commonName: "web", usage: "server", ...HOSTS },
  notBeforeMs: Date.now() - 7_200_000,
  notAfterMs: Date.now() - 3_600_000,
});
const elsewhere = await issueTestCertificate(authority, {
  ...{ commonName: "web", usage: "server", dnsNames: ["elsewhere.test"] },
});

async function faultAt(
  port: number,
  { httpProxy, trusted = true }: { httpProxy?: HttpProxy | undefined; trusted?: boolean } = {},
) {
  const { client, hostAuthority } = await teleportCertificates();
  using connection = createAuthConnection({
    host: "127.0.0.1",
    port,
    attemptMs: 400,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
    network: {
      ...PLAIN_NETWORK,
      findHttpProxy: () => httpProxy,
      readWebAuthorities: () => Promise.resolve(trusted ? [authority.certificatePem] : []),
    },
  });
  const error = await connection.auditLog.getUnstructuredEvents({}).then(() => {}, (e) => e);
  return toTeleportFault("read the audit log", error);
}

/** Ports that are no way to Teleport, what is said of them, and whether waiting may help. */
const PORTS: readonly {
  readonly name: string;
  readonly behave: Behaviour;
  readonly secure?: Parameters<typeof listen>[1];
  readonly trusted?: boolean;
  readonly text: RegExp;
  readonly kind: "denied" | "unavailable";
}[] = [
  { name: "speaks HTTP", behave: answer("x"), text: /does not speak TLS\./, kind: "denied" },
  {
    name: "speaks SSH",
    behave: (socket) => socket.write("SSH-2.0-Go\r\n"),
    text: /does not speak TLS\. teleport\.addr must be/,
    kind: "denied",
  },
  {
    name: "says nothing",
    behave: () => {},
    text: /takes connections and says nothing\. .*hangs/,
    kind: "unavailable",
  },
  {
    name: "closes at once",
    behave: (socket) => socket.end(),
    text: /directly: port \d+ of 127\.0\.0\.1 closes the connection in the TLS handshake/,
    kind: "unavailable",
  },
  {
    name: "speaks another protocol within TLS",
    behave: () => {},
    secure: { ...web, protocols: ["foo"] },
    text: /speaks TLS, but knows no auth server .*it does not speak HTTP/,
    kind: "denied",
  },
  {
    name: "is a web page",
    behave: answer("<html>hello</html>"),
    secure: web,
    text: /it answers \/webapi\/ping with a web page, as no Teleport proxy does/,
    kind: "denied",
  },
  {
    name: "knows no ping",
    behave: answer("no", "404 Not Found"),
    secure: web,
    text: /with HTTP 404/,
    kind: "denied",
  },
  {
    name: "is a load balancer without a proxy",
    behave: answer("no", "503 Busy"),
    secure: web,
    text: /with HTTP 503\. The load balancer does not reach the proxy/,
    kind: "unavailable",
  },
  {
    name: "answers without end",
    behave: flood,
    secure: web,
    text: /with more than \d+ bytes/,
    kind: "denied",
  },
  {
    name: "hangs after TLS",
    behave: () => {},
    secure: web,
    text: /\/webapi\/ping: no answer within 0\.4 s\. The proxy, or what is before it, hangs/,
    kind: "unavailable",
  },
  {
    name: "has a web certificate of nobody's",
    behave: proxyOf({}),
    secure: web,
    trusted: false,
    text: /web certificate is not signed by an authority that is known here\. .*SSL_CERT_FILE/,
    kind: "denied",
  },
  {
    name: "has an expired web certificate",
    behave: proxyOf({}),
    secure: expired,
    text: /web certificate has expired or is not valid yet/,
    kind: "denied",
  },
  {
    name: "has the web certificate of another host",
    behave: proxyOf({}),
    secure: elsewhere,
    text: /web certificate is not made for the host of teleport\.addr/,
    kind: "denied",
  },
  {
    name: "is a proxy of Teleport 12",
    behave: proxyOf({ server_version: "12.4.1" }),
    secure: web,
    text: /the proxy is of Teleport 12\.4\.1, which is too old\. Teleport 13 or newer is needed/,
    kind: "denied",
  },
  {
    name: "is a proxy that upgrades nothing",
    behave: proxyOf({ proxy: { tls_routing_enabled: true } }),
    secure: web,
    text: /by connection upgrade of the proxy: the upgrade was answered with HTTP 200 OK/,
    kind: "unavailable",
  },
  {
    name: "is a proxy of a cluster with an odd name",
    behave: proxyOf({ cluster_name: "ev\u001b[31mil\n☃'\"" }),
    secure: web,
    text: /by TLS routing of the proxy/,
    kind: "unavailable",
  },
  {
    name: "is a proxy of a cluster whose name is too long",
    behave: proxyOf({ cluster_name: "x".repeat(100_000) }),
    secure: web,
    text: /the name of its cluster is too long/,
    kind: "denied",
  },
];

for (const { behave, kind, name, secure, text, trusted } of PORTS) {
  Deno.test(`createAuthConnection() says what a port is that ${name}`, async () => {
    await using peer = await listen(behave, secure);
    const fault = await faultAt(peer.port, { trusted: trusted ?? true });
    assert.match(fault.text, text);
    assert.equal(fault.kind, kind, fault.text);
    assert.ok(!/[\p{Cc}]/u.test(fault.text) && fault.text.length < 1500, fault.text);
  });
}

Deno.test("createAuthConnection() takes a file of authorities that cannot be read for something to try again", async () => {
  await using peer = await listen(proxyOf({}), web);
  const { client, hostAuthority } = await teleportCertificates();
  using connection = createAuthConnection({
    host: "127.0.0.1",
    port: peer.port,
    credentials: {
      key: client.privateKeyPem,
      certificate: client.certificatePem,
      authorities: [hostAuthority.certificatePem],
    },
    network: { ...PLAIN_NETWORK, readWebAuthorities: () => readWebAuthorities("/no/such.pem") },
  });
  const error = await connection.auditLog.getUnstructuredEvents({}).then(() => {}, (e) => e);
  const fault = toTeleportFault("read the audit log", error);
  assert.equal(fault.transient, true);
  assert.match(
    fault.text,
    /cannot read the file '\/no\/such\.pem' of environment variable SSL_CERT/,
  );
});

/** HTTP proxies that give no connection. */
const HTTP_PROXIES: readonly {
  readonly name: string;
  readonly options?: ConnectProxyOptions;
  readonly behave?: Behaviour;
  readonly text: RegExp;
}[] = [
  {
    name: "wants other credentials",
    options: { credentials: "user:other" },
    text: /refuses: 407 Refused\. Check user and password in HTTPS_PROXY/,
  },
  { name: "forbids", options: { status: 403 }, text: /refuses: 403 Refused\. .*NO_PROXY/ },
  { name: "hangs", options: { hangs: true }, text: /gave no answer: no answer within 0\.4 s/i },
  { name: "closes", behave: (socket) => socket.end(), text: /gave no answer: the connection was/i },
  {
    name: "is none",
    behave: (socket) => socket.write("SSH-2.0-Go\r\n"),
    text: /gave no answer: the answer is not HTTP/i,
  },
];

for (const { behave, name, options, text } of HTTP_PROXIES) {
  Deno.test(`createAuthConnection() says what an HTTP proxy answered that ${name}, without its password`, async () => {
    await using peer = behave === undefined
      ? await startConnectProxy(options)
      : await listen(behave);
    const port = "port" in peer ? peer.port : peer.proxy.port;
    const find = createHttpProxyFinder({ HTTPS_PROXY: `http://user:s3cret@127.0.0.1:${port}` });
    const httpProxy = find({ protocol: "https:", host: "auth.test", port: 443 });
    const fault = await faultAt(443, { httpProxy });
    assert.match(fault.text, text);
    assert.match(fault.text, new RegExp(`HTTP proxy http://127\\.0\\.0\\.1:${port} `));
    assert.equal(fault.kind, "unavailable");
    assert.ok(!fault.text.includes("s3cret"));
  });
}
