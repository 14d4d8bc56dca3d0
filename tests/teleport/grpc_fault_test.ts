import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { Fault, type FaultKind } from "../../src/core/fault.ts";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import type { TeleportKeyMaterial } from "../../src/teleport/identity_file.ts";
import { issueTestCertificate, teleportCertificates } from "../support/certificates.ts";
import { startFakeAuthServer } from "../support/fake_auth_server.ts";
import { startOpensslServer } from "../support/openssl_server.ts";

const KINDS: { readonly [code in keyof typeof Code]: FaultKind } = {
  Canceled: "unavailable",
  Unknown: "unavailable",
  InvalidArgument: "protocol",
  DeadlineExceeded: "unavailable",
  NotFound: "missing",
  AlreadyExists: "protocol",
  PermissionDenied: "denied",
  ResourceExhausted: "unavailable",
  FailedPrecondition: "protocol",
  Aborted: "unavailable",
  OutOfRange: "protocol",
  Unimplemented: "unsupported",
  Internal: "unavailable",
  Unavailable: "unavailable",
  DataLoss: "protocol",
  Unauthenticated: "denied",
};

for (const [name, kind] of Object.entries(KINDS)) {
  Deno.test(`toTeleportFault() maps ${name} to ${kind}, with the call and the server's words`, () => {
    const error = new ConnectError("the server's words", Code[name as keyof typeof Code]);
    const fault = toTeleportFault("read the audit log", error);
    assert.equal(fault.kind, kind);
    const words = name === "Canceled" ? "the connection was lost" : "the server's words";
    assert.equal(fault.message, `Cannot read the audit log: ${words} (${name})`);
    assert.equal(fault.cause, error);
    assert.equal(fault.hint !== undefined, kind === "denied");
  });

  Deno.test(`toTeleportFault() maps ${name} to ${kind} as a real server sends it`, async () => {
    await using server = await startFakeAuthServer();
    server.failNext({ code: Code[name as keyof typeof Code], message: "scripted" });
    const fault = await fail(server.port);
    assert.equal(fault.kind, kind);
  });
}

Deno.test("toTeleportFault() says which role the user needs when it is denied", () => {
  const error = new ConnectError("access denied to perform action", Code.PermissionDenied);
  assert.match(
    toTeleportFault("read the audit log", error).text,
    /\. The role of the handler's user must allow list and read on event and session$/,
  );
});

Deno.test("toTeleportFault() keeps a fault as it is", () => {
  const fault = new Fault("protocol", "already known");
  assert.equal(toTeleportFault("read", fault), fault);
});

/** Words of an answer that also occur in failed handshakes. */
const ANSWERS: readonly [Code, FaultKind][] = [
  [Code.PermissionDenied, "denied"],
  [Code.Unauthenticated, "denied"],
  [Code.InvalidArgument, "protocol"],
  [Code.Unimplemented, "unsupported"],
];

for (const [code, kind] of ANSWERS) {
  Deno.test(`toTeleportFault() takes an answer with ${Code[code]} for no failed handshake, whatever it says`, () => {
    const fault = toTeleportFault(
      "read",
      new ConnectError("session Expired: BadCertificate", code),
    );
    assert.equal(fault.kind, kind);
    assert.match(fault.message, /session Expired/);
  });
}

for (const thrown of [new Error("plain"), new TypeError("types"), "text", undefined, null]) {
  Deno.test(`toTeleportFault() makes a fault of ${thrown} that is tried again`, () => {
    const fault = toTeleportFault("read the audit log", thrown);
    assert.equal(fault.kind, "unavailable");
    assert.match(fault.message, /^Cannot read the audit log: ./);
  });
}

async function goodCredentials(): Promise<TeleportKeyMaterial> {
  const { client, hostAuthority } = await teleportCertificates();
  return {
    key: client.privateKeyPem,
    certificate: client.certificatePem,
    authorities: [hostAuthority.certificatePem],
  };
}

/** Calls a server and returns the fault. */
async function fail(port: number, changes: Partial<TeleportKeyMaterial> = {}): Promise<Fault> {
  const credentials = { ...await goodCredentials(), ...changes };
  using connection = createAuthConnection({
    host: "127.0.0.1",
    port,
    credentials,
    callTimeoutMs: 5000,
  });
  const error = await connection.auditLog.getUnstructuredEvents({}).then(() => undefined, (e) => e);
  assert.ok(error instanceof ConnectError, `${error}`);
  return toTeleportFault("read the audit log", error);
}

/** A fault that is tried again, and of which it is said that waiting alone will not heal it. */
function assertLasting(fault: Fault, text: RegExp): void {
  assert.equal(fault.kind, "denied");
  assert.ok(fault.transient);
  assert.match(fault.text, text);
}

Deno.test("toTeleportFault() knows a server of another cluster", async () => {
  await using server = await startFakeAuthServer();
  const { foreign } = await teleportCertificates();
  assertLasting(
    await fail(server.port, { authorities: [foreign.authority.certificatePem] }),
    /certificate is not signed by the cluster's certificate authority\. The identity or teleport\.ca belongs to another cluster/,
  );
});

Deno.test("toTeleportFault() knows a server that is no auth server", async () => {
  const certificates = await teleportCertificates();
  const proxy = { commonName: "x", usage: "server", dnsNames: ["teleport.example.com"] } as const;
  const server = await issueTestCertificate(certificates.hostAuthority, proxy);
  await using peer = await startFakeAuthServer({ certificates: { ...certificates, server } });
  assertLasting(
    await fail(peer.port),
    /directly: the server's certificate is not that of a Teleport auth server.*\. teleport\.addr must be the address/,
  );
});

Deno.test("toTeleportFault() names an expired certificate of the server among the reasons", async () => {
  const certificates = await teleportCertificates();
  const server = await issueTestCertificate(certificates.hostAuthority, {
    ...{ commonName: "auth", usage: "server", dnsNames: ["teleport.cluster.local"] },
    notBeforeMs: Date.now() - 7_200_000,
    notAfterMs: Date.now() - 3_600_000,
  });
  await using peer = await startFakeAuthServer({ certificates: { ...certificates, server } });
  assertLasting(await fail(peer.port), /expired/);
});

/** Clients that the server refuses, and what the alert of its TLS library is understood as. */
const REFUSED_CLIENTS = [
  {
    who: "foreign",
    text: /does not accept the client certificate\. The identity was signed by another cluster/,
  },
  { who: "expired", text: /a certificate has expired\. Sign a new identity/ },
] as const;

for (const { who, text } of REFUSED_CLIENTS) {
  Deno.test(`toTeleportFault() knows from the alert of the server that the client's certificate is ${who}`, async () => {
    const { server, userAuthority, expired, foreign } = await teleportCertificates();
    await using peer = await startOpensslServer({ server, authority: userAuthority });
    const pair = who === "foreign" ? foreign.client : expired;
    assertLasting(
      await fail(peer.port, { key: pair.privateKeyPem, certificate: pair.certificatePem }),
      text,
    );
  });

  Deno.test(`toTeleportFault() takes a server that closes on a client that is ${who} for something to try again`, async () => {
    await using peer = await startFakeAuthServer();
    const { expired, foreign } = await teleportCertificates();
    const pair = who === "foreign" ? foreign.client : expired;
    const fault = await fail(peer.port, {
      key: pair.privateKeyPem,
      certificate: pair.certificatePem,
    });
    assert.equal(fault.kind, "unavailable");
    assert.deepEqual(peer.requests, []);
  });
}

Deno.test("toTeleportFault() knows a port that does not speak TLS", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(),
  );
  assertLasting(await fail(server.addr.port), /the server does not speak TLS\. teleport\.addr/);
});

Deno.test("toTeleportFault() says that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  const fault = await fail(listener.addr.port);
  assert.equal(fault.kind, "unavailable");
  assert.match(fault.text, /ECONNREFUSED/);
});

Deno.test("toTeleportFault() takes a server that closes in the handshake for something to try again", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closing = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const fault = await fail(listener.addr.port);
  listener.close();
  await closing;
  assert.equal(fault.kind, "unavailable");
});

// The library starts two timers for the connection that it has just closed; they keep nothing alive.
const LEAVES_TIMERS = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "toTeleportFault() takes a web server for something to try again",
  LEAVES_TIMERS,
  async () => {
    const { server } = await teleportCertificates();
    await using web = Deno.serve({
      ...{ hostname: "127.0.0.1", port: 0, onListen: () => {} },
      cert: server.certificatePem,
      key: server.privateKeyPem,
    }, () => new Response("hello"));
    assert.equal((await fail(web.addr.port)).kind, "unavailable");
  },
);
