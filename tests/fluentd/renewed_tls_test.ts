import assert from "node:assert/strict";
import { FluentdLanes } from "../../src/fluentd/fluentd_sink.ts";
import type { ReceiverTls } from "../../src/fluentd/lane.ts";
import { fluentdCertificates, issueTestCertificate } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const NEVER = new AbortController().signal;

async function issueTls(commonName: string): Promise<ReceiverTls> {
  const { authority } = await fluentdCertificates();
  const client = await issueTestCertificate(authority, { commonName, usage: "client" });
  return {
    caCerts: [authority.certificatePem],
    client: { cert: client.certificatePem, key: client.privateKeyPem },
  };
}

async function openLanes(receiver: FakeReceiver, maxLanes = 4) {
  const logger = new RecordingLogger();
  const lanes = new FluentdLanes({
    tls: await issueTls("old"),
    userAgent: "test",
    timeoutMs: 5000,
    clock: new FakeClock(),
    logger,
    maxLanes,
  });
  return {
    lanes,
    logger,
    post: async (first = 0) => (await lanes.post(receiver.url(), makeEvents(1, first), NEVER)).kind,
    [Symbol.dispose]: () => lanes[Symbol.dispose](),
  };
}

function clients(receiver: FakeReceiver): (string | undefined)[] {
  return receiver.requests.map((request) => request.client);
}

Deno.test("FluentdLanes.useTls() closes connections that lie idle, and the next request shows the new certificate", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(receiver);
  await opened.post();
  opened.lanes.useTls(await issueTls("new"));
  await receiver.waitForOpenConnections(0);
  for (let i = 0; i < 3; i++) assert.equal(await opened.post(), "delivered");
  assert.deepEqual(clients(receiver), ["old", "new", "new", "new"]);
  assert.equal(receiver.connections, 2);
  assert.deepEqual([receiver.handshakeErrors, opened.logger.records], [[], []]);
});

Deno.test("FluentdLanes.useTls() lets requests under way have their answers, then closes their connections", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(receiver, 3);
  const gates = [receiver.holdNext(), receiver.holdNext()];
  const posts = [opened.post(0), opened.post(1)];
  await Promise.all(gates.map((gate) => gate.reached));
  opened.lanes.useTls(await issueTls("new"));
  assert.equal(await opened.post(2), "delivered");
  for (const gate of gates) gate.open();
  assert.deepEqual(await Promise.all(posts), ["delivered", "delivered"]);
  await receiver.waitForOpenConnections(1);
  await Promise.all([3, 4, 5].map((i) => opened.post(i)));
  assert.deepEqual(clients(receiver), ["old", "old", "new", "new", "new", "new"]);
  assert.equal(receiver.events.length, 6);
});

Deno.test("FluentdLanes.useTls() again and again, under load, breaks no request off", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(receiver);
  const sets = await Promise.all([1, 2, 3, 4, 5].map((i) => issueTls(`set ${i}`)));
  const posting = [0, 1, 2, 3].map(async (lane) => {
    for (let i = 0; i < 25; i++) assert.equal(await opened.post(lane * 100 + i), "delivered");
  });
  for (const tls of sets) {
    await receiver.waitForRequests(receiver.requests.length + 12);
    opened.lanes.useTls(tls);
  }
  await Promise.all(posting);
  assert.equal(receiver.events.length, 100);
  assert.equal(receiver.requests.length, 100);
  assert.equal(clients(receiver).at(-1), "set 5");
  assert.deepEqual([receiver.handshakeErrors, opened.logger.records], [[], []]);
});
