import assert from "node:assert/strict";
import { FluentdLanes, FluentdSink } from "../../src/fluentd/fluentd_sink.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const NEVER = new AbortController().signal;
const LIMITS = { maxEvents: 3, maxBytes: 1000 };

async function openLanes(maxLanes: number) {
  const { authority, client } = await fluentdCertificates();
  const clock = new FakeClock();
  const lanes = new FluentdLanes({
    tls: {
      caCerts: [authority.certificatePem],
      client: { cert: client.certificatePem, key: client.privateKeyPem },
    },
    userAgent: "test",
    timeoutMs: 5000,
    clock,
    logger: new RecordingLogger(),
    maxLanes,
  });
  return { lanes, clock, [Symbol.dispose]: () => lanes[Symbol.dispose]() };
}

Deno.test("FluentdLanes.post() never opens more connections than maxLanes, nor sends two requests over one at a time", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(3);
  const gates = [receiver.holdNext(), receiver.holdNext(), receiver.holdNext()];
  const posts = Array.from(
    { length: 8 },
    (_, i) => opened.lanes.post(receiver.url(), makeEvents(1, i), NEVER),
  );
  await Promise.all(gates.map((gate) => gate.reached));
  assert.equal(receiver.requests.length, 3);
  assert.deepEqual(new Set(receiver.requests.map((request) => request.connectionId)).size, 3);
  for (const gate of gates) gate.open();
  for (const delivery of await Promise.all(posts)) assert.equal(delivery.kind, "delivered");
  assert.equal(receiver.connections, 3);
});

Deno.test("FluentdLanes.post() lets those who wait pass in the order of their coming", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(1);
  const gate = receiver.holdNext();
  const posts = Array.from(
    { length: 6 },
    (_, i) => opened.lanes.post(receiver.url(), makeEvents(1, i), NEVER),
  );
  await gate.reached;
  gate.open();
  await Promise.all(posts);
  assert.deepEqual(receiver.fieldsOf().map((e) => e["id"]), ["e0", "e1", "e2", "e3", "e4", "e5"]);
  assert.equal(receiver.connections, 1);
});

Deno.test("FluentdLanes.post() prefers the lane used last, so that the others may fall idle", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(4);
  const gate = receiver.holdNext();
  const first = opened.lanes.post(receiver.url(), makeEvents(1), NEVER);
  await gate.reached;
  await opened.lanes.post(receiver.url(), makeEvents(1), NEVER);
  gate.open();
  await first;
  for (let i = 0; i < 3; i++) await opened.lanes.post(receiver.url(), makeEvents(1), NEVER);
  assert.deepEqual(receiver.requests.map((request) => request.connectionId), [1, 2, 1, 1, 1]);
});

Deno.test("FluentdLanes.post() throws the reason of an abort while it waits for a lane", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(1);
  const gate = receiver.holdNext();
  const first = opened.lanes.post(receiver.url(), makeEvents(1, 0), NEVER);
  await gate.reached;
  const controller = new AbortController();
  const aborted = opened.lanes.post(receiver.url(), makeEvents(1, 1), controller.signal);
  const third = opened.lanes.post(receiver.url(), makeEvents(1, 2), NEVER);
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(aborted, (error: unknown) => error === reason);
  gate.open();
  await Promise.all([first, third]);
  assert.deepEqual(receiver.fieldsOf().map((event) => event["id"]), ["e0", "e2"]);
});

Deno.test("FluentdLanes.post() keeps a lane for others when a request is aborted or fails", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(1);
  // The runtime may repeat a request by itself.
  receiver.answerNext({ reset: "before-reading" }, 10);
  assert.equal((await opened.lanes.post(receiver.url(), makeEvents(1), NEVER)).kind, "retry");
  receiver.clearScript();
  const gate = receiver.holdNext();
  const controller = new AbortController();
  const posting = opened.lanes.post(receiver.url(), makeEvents(1), controller.signal);
  await gate.reached;
  controller.abort();
  await assert.rejects(posting);
  assert.equal((await opened.lanes.post(receiver.url(), makeEvents(1), NEVER)).kind, "delivered");
});

Deno.test("FluentdLanes closes all its connections when it is disposed of", async () => {
  await using receiver = await startFakeReceiver();
  {
    using opened = await openLanes(2);
    const gates = [receiver.holdNext(), receiver.holdNext()];
    const posts = [0, 1].map(() => opened.lanes.post(receiver.url(), makeEvents(1), NEVER));
    await Promise.all(gates.map((gate) => gate.reached));
    for (const gate of gates) gate.open();
    await Promise.all(posts);
    assert.equal(receiver.openConnections, 2);
  }
  await receiver.waitForOpenConnections(0);
});

Deno.test("FluentdSink.send() posts the events to its URL as one request and tells its limits", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(1);
  const sink = new FluentdSink({
    lanes: opened.lanes,
    url: receiver.url("/a.log"),
    limits: LIMITS,
  });
  assert.deepEqual(sink.limits, LIMITS);
  assert.deepEqual(await sink.send(makeEvents(3), NEVER), { kind: "delivered" });
  assert.deepEqual(receiver.fieldsOf("/a.log").map((event) => event["id"]), ["e0", "e1", "e2"]);
  assert.equal(receiver.requests.length, 1);
});

Deno.test("FluentdSink.send() reports what the receiver refuses", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openLanes(1);
  receiver.rejectIf((event) => event["id"] === "e1");
  const sink = new FluentdSink({ lanes: opened.lanes, url: receiver.url(), limits: LIMITS });
  assert.equal((await sink.send(makeEvents(3), NEVER)).kind, "rejected");
  assert.deepEqual(receiver.events, []);
});
