import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import type { HttpProxy } from "../../src/core/http_proxy.ts";
import { Lane } from "../../src/fluentd/lane.ts";
import { probeReceiverPost } from "../../src/fluentd/receiver_post.ts";
import { probeReceiver } from "../../src/fluentd/receiver_probe.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { type ConnectProxyOptions, startConnectProxy } from "../support/connect_proxy.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

async function receiverTls() {
  const { authority, client } = await fluentdCertificates();
  return {
    caCerts: [authority.certificatePem],
    client: { cert: client.certificatePem, key: client.privateKeyPem },
  };
}

async function openLane(httpProxy: HttpProxy): Promise<Lane> {
  return new Lane({
    tls: await receiverTls(),
    userAgent: "test",
    timeoutMs: 1000,
    clock: systemClock,
    logger: new RecordingLogger(),
    findHttpProxy: () => httpProxy,
  });
}

Deno.test("Lane.post() goes through an HTTP proxy with its credentials, mutual TLS inside", async () => {
  await using receiver = await startFakeReceiver();
  await using httpProxy = await startConnectProxy({ credentials: "user:p@ss" });
  using lane = await openLane(httpProxy.proxy);
  const signal = new AbortController().signal;
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await lane.post(receiver.url(), makeEvents(2), signal), { kind: "delivered" });
  }
  assert.equal(receiver.requests.length, 3);
  assert.deepEqual(receiver.violations, []);
  assert.deepEqual(httpProxy.targets, [new URL(receiver.url()).host]);
});

const REFUSALS: readonly (readonly [what: string, options: ConnectProxyOptions, RegExp])[] = [
  ["wants other credentials", { credentials: "a:b" }, /demands a user and password/],
  ["forbids it", { status: 403 }, /refuses to connect to Fluentd/],
  ["hangs", { hangs: true }, /no answer in time/],
];

for (const [what, options, words] of REFUSALS) {
  Deno.test(`Lane.post() tries again, and names the proxy without its password, when that ${what}`, async () => {
    await using receiver = await startFakeReceiver();
    await using server = await startConnectProxy(options);
    const proxy = { ...server.proxy, credentials: { username: "user", password: "s3cret" } };
    using lane = await openLane(proxy);
    const delivery = await lane.post(receiver.url(), makeEvents(2), new AbortController().signal);
    assert.ok(delivery.kind === "retry");
    assert.match(delivery.reason, words);
    assert.ok(delivery.reason.includes(proxy.label), delivery.reason);
    assert.ok(!delivery.reason.includes("s3cret"));
  });
}

Deno.test("probeReceiver() and probeReceiverPost() look through the HTTP proxy that a start would use", async () => {
  await using receiver = await startFakeReceiver();
  await using httpProxy = await startConnectProxy();
  const options = {
    url: receiver.url(),
    setting: "fluentd.url",
    tls: await receiverTls(),
    userAgent: "test",
    clock: systemClock,
    nowMs: Date.now() - 20 * 86_400_000,
    findHttpProxy: () => httpProxy.proxy,
  } as const;
  const signal = new AbortController().signal;
  const seen = await probeReceiver({ ...options, nowMs: Date.now() }, signal);
  assert.match(
    seen.text,
    /through the HTTP proxy http:\/\/127\.0\.0\.1:\d+; its certificate is good/,
  );
  const { finding } = await probeReceiverPost(options, signal);
  assert.equal(finding.status, "ok", finding.text);
  assert.equal(httpProxy.targets.length, 2);
});
