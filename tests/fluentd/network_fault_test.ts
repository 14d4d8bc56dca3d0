import assert from "node:assert/strict";
import { Lane, type ReceiverTls } from "../../src/fluentd/lane.ts";
import { fluentdCertificates, issueTestCertificate } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import { startOpensslServer } from "../support/openssl_server.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const NEVER = new AbortController().signal;

/** Posts one event over a fresh lane, and returns the failure. */
async function fail(url: string, changes: Partial<ReceiverTls> | { client?: undefined } = {}) {
  const { authority, client } = await fluentdCertificates();
  const tls = {
    caCerts: [authority.certificatePem],
    client: { cert: client.certificatePem, key: client.privateKeyPem },
    ...changes,
  };
  if (tls.client === undefined) delete (tls as { client?: unknown }).client;
  const options = {
    userAgent: "test",
    timeoutMs: 5000,
    clock: new FakeClock(),
    logger: new RecordingLogger(),
  };
  using lane = new Lane({ tls: tls as ReceiverTls, ...options });
  const delivery = await lane.post(url, makeEvents(1), NEVER);
  assert.ok(delivery.kind !== "delivered", "delivered");
  // The URL may hold a token, and our port differs each time, which would make equal failures look new.
  assert.doesNotMatch(delivery.reason, /test\.log|token|127\.0\.0\.1:\d|docs\.rs/);
  return delivery;
}

const PATH = "/test.log?token=secret";

/** Failures against a receiver whose own certificate is good. */
const CLIENT_FAULTS: readonly {
  readonly title: string;
  readonly url?: (receiver: FakeReceiver) => string;
  readonly tls?: () => Promise<Partial<ReceiverTls> | { client?: undefined }>;
  readonly kind: "misconfigured" | "retry";
  readonly reason: RegExp;
}[] = [
  {
    title: "a receiver signed by another authority",
    tls: async () => ({
      caCerts: [(await fluentdCertificates()).foreign.authority.certificatePem],
    }),
    kind: "misconfigured",
    reason: /^Fluentd's certificate is not signed by an authority in fluentd\.ca/,
  },
  {
    title: "a receiver that only the well-known authorities could vouch for",
    tls: () => Promise.resolve({ caCerts: [] }),
    kind: "misconfigured",
    reason: /not signed by an authority/,
  },
  {
    title: "a missing client certificate",
    tls: () => Promise.resolve({ client: undefined }),
    kind: "misconfigured",
    reason: /^Fluentd demands a client certificate; set fluentd\.cert and fluentd\.key/,
  },
];

for (const { title, tls, kind, reason } of CLIENT_FAULTS) {
  Deno.test(`classifyNetworkError() takes ${title} for ${kind}`, async () => {
    await using receiver = await startFakeReceiver();
    const delivery = await fail(receiver.url(PATH), await tls?.());
    assert.equal(delivery.kind, kind);
    assert.match(delivery.reason, reason);
    assert.deepEqual(receiver.requests, []);
  });
}

const HOUR_MS = 3_600_000;

/** Certificates that a receiver may present. */
const SERVER_FAULTS: readonly {
  readonly title: string;
  readonly server: Parameters<typeof issueTestCertificate>[1];
  readonly reason: RegExp;
}[] = [
  {
    title: "a certificate for another host",
    server: { commonName: "localhost", usage: "server", dnsNames: ["fluentd.example.com"] },
    reason: /^Fluentd's certificate is not made for the host in fluentd\.url/,
  },
  {
    title: "a certificate for the address where the URL has the name",
    server: { commonName: "localhost", usage: "server", ipAddresses: ["127.0.0.1"] },
    reason: /^Fluentd's certificate is not made for the host/,
  },
  {
    title: "an expired certificate",
    server: {
      ...{ commonName: "localhost", usage: "server", dnsNames: ["localhost"] },
      notBeforeMs: Date.now() - 2 * HOUR_MS,
      notAfterMs: Date.now() - HOUR_MS,
    },
    reason: /^Fluentd's certificate has expired or is not valid yet/,
  },
  {
    title: "a certificate of tomorrow",
    server: {
      ...{ commonName: "localhost", usage: "server", dnsNames: ["localhost"] },
      notBeforeMs: Date.now() + HOUR_MS,
      notAfterMs: Date.now() + 2 * HOUR_MS,
    },
    reason: /^Fluentd's certificate has expired or is not valid yet/,
  },
  {
    title: "a client's certificate in place of a server's",
    server: { commonName: "localhost", usage: "client", dnsNames: ["localhost"] },
    reason: /^Fluentd's certificate is not one for servers/,
  },
];

for (const { title, server, reason } of SERVER_FAULTS) {
  Deno.test(`classifyNetworkError() takes ${title} of the receiver for misconfigured`, async () => {
    const certificates = await fluentdCertificates();
    const issued = await issueTestCertificate(certificates.authority, server);
    await using receiver = await startFakeReceiver({
      certificates: { ...certificates, server: issued },
    });
    const delivery = await fail(receiver.url(PATH));
    assert.equal(delivery.kind, "misconfigured");
    assert.match(delivery.reason, reason);
  });
}

/** Client certificates that OpenSSL, which Fluentd is built on, refuses with an alert of its own. */
const REFUSED_CLIENTS = [
  {
    title: "a client certificate of another authority",
    pick: "foreign",
    reason: /^Fluentd does not accept the client certificate in fluentd\.cert/,
  },
  {
    title: "an expired client certificate",
    pick: "expired",
    reason: /^The client certificate in fluentd\.cert has expired/,
  },
] as const;

for (const { title, pick, reason } of REFUSED_CLIENTS) {
  Deno.test(`classifyNetworkError() takes ${title} for misconfigured`, async () => {
    const certificates = await fluentdCertificates();
    const pair = pick === "foreign" ? certificates.foreign.client : certificates.expired;
    await using server = await startOpensslServer(certificates);
    const delivery = await fail(`https://localhost:${server.port}${PATH}`, {
      client: { cert: pair.certificatePem, key: pair.privateKeyPem },
    });
    assert.equal(delivery.kind, "misconfigured", delivery.reason);
    assert.match(delivery.reason, reason);
  });
}

Deno.test("classifyNetworkError() takes a P-256 key behind TLS 1.2 alone for misconfigured", async () => {
  const certificates = await fluentdCertificates();
  await using server = await startOpensslServer({ ...certificates, tls12: true });
  const delivery = await fail(`https://localhost:${server.port}${PATH}`);
  assert.equal(delivery.kind, "misconfigured", delivery.reason);
  assert.match(
    delivery.reason,
    /^Fluentd's key does not fit its TLS 1\.2: let Fluentd speak TLS 1\.3/,
  );
});

Deno.test("classifyNetworkError() takes a TLS port that is spoken to in plain HTTP for something that may pass", async () => {
  await using server = await startOpensslServer(await fluentdCertificates());
  const delivery = await fail(`http://localhost:${server.port}${PATH}`);
  assert.equal(delivery.kind, "retry");
  assert.match(delivery.reason, /^client error/);
});

Deno.test("classifyNetworkError() takes a plain port that is spoken to in TLS for misconfigured", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(),
  );
  const delivery = await fail(`https://localhost:${server.addr.port}${PATH}`);
  assert.equal(delivery.kind, "misconfigured");
  assert.match(delivery.reason, /^Fluentd does not speak TLS at this port; check fluentd\.url/);
});

Deno.test("classifyNetworkError() takes a closed port for something that may pass, the same each time", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  const url = `https://localhost:${listener.addr.port}${PATH}`;
  const delivery = await fail(url);
  assert.equal(delivery.kind, "retry");
  assert.match(delivery.reason, /Connection refused/);
  assert.deepEqual(await fail(url), delivery);
});

Deno.test("classifyNetworkError() takes a peer that closes in the handshake for something that may pass", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closing = (async () => {
    for await (const connection of listener) connection.close();
  })();
  const delivery = await fail(`https://localhost:${listener.addr.port}${PATH}`);
  listener.close();
  await closing;
  assert.equal(delivery.kind, "retry");
});

Deno.test("classifyNetworkError() gives the same reason for each of a row of lost connections", async () => {
  await using receiver = await startFakeReceiver();
  receiver.answerNext({ reset: "before-reading" }, 10);
  const first = await fail(receiver.url(PATH));
  assert.deepEqual(await fail(receiver.url(PATH)), first);
  assert.deepEqual(first, { kind: "retry", reason: "Fluentd closed the connection" });
});
