import assert from "node:assert/strict";
import type { AuditEvent } from "../../src/core/event.ts";
import { FluentdLanes, FluentdSink } from "../../src/fluentd/fluentd_sink.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import { Gate } from "../support/gate.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { startRawReceiver } from "../support/raw_receiver.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const NEVER = new AbortController().signal;
const DELIVERED = { kind: "delivered" };
const LATE = { kind: "retry", reason: "no answer in time" };
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/** Events of a request that is large enough to be held. */
function largeEvents(first = 0): AuditEvent[] {
  return Array.from({ length: 5 }, (_, i) => makeEvent(`e${first + i}`, { bytes: 100_000 }));
}

async function openSink(
  url: string,
  { maxLanes = 2, timeoutMs = 5000 }: { maxLanes?: number; timeoutMs?: number } = {},
) {
  const { authority, client } = await fluentdCertificates();
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const tls = {
    caCerts: [authority.certificatePem],
    client: { cert: client.certificatePem, key: client.privateKeyPem },
  };
  const lanes = new FluentdLanes({ tls, userAgent: "test", timeoutMs, clock, logger, maxLanes });
  const limits = { maxEvents: 1000, maxBytes: 4_000_000 };
  const sink = new FluentdSink({ lanes, url, limits });
  return { sink, clock, logger, lanes, [Symbol.dispose]: () => lanes[Symbol.dispose]() };
}

function idsOf(receiver: FakeReceiver): unknown[] {
  return receiver.fieldsOf().map((event) => event["id"]);
}

Deno.test("FluentdSink.hold() sends a request of a known length, of which the receiver can take nothing before send()", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url());
  const events = largeEvents();
  const held = opened.sink.hold(events);
  assert.ok(held !== undefined);
  await receiver.waitForRequests(1);
  // Another request goes its whole way meanwhile.
  assert.deepEqual(await opened.sink.send([makeEvent("before")], NEVER), DELIVERED);
  assert.deepEqual(idsOf(receiver), ["before"]);
  assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED);
  assert.deepEqual(idsOf(receiver), ["before", "e0", "e1", "e2", "e3", "e4"]);
  const [{ headers, bytes }] = receiver.requests as [FakeReceiver["requests"][0]];
  assert.deepEqual([headers["content-length"], headers["content-type"]], [
    String(bytes),
    "application/json",
  ]);
  assert.equal(headers["transfer-encoding"], undefined);
  assert.deepEqual([receiver.violations, opened.logger.records], [[], []]);
});

Deno.test("FluentdSink.hold() keeps its connection for what follows, held or not", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url());
  for (let i = 0; i < 6; i++) {
    const events = largeEvents(i * 5);
    const held = i % 2 === 0 ? opened.sink.hold(events) : undefined;
    assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED);
  }
  assert.equal(receiver.connections, 1);
  assert.deepEqual(idsOf(receiver), Array.from({ length: 30 }, (_, i) => `e${i}`));
});

Deno.test("FluentdSink.hold() does nothing for a small request, nor without a free lane", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url(), { maxLanes: 1 });
  assert.equal(opened.sink.hold([makeEvent("small")]), undefined);
  const gate = receiver.holdNext();
  const sending = opened.sink.send([makeEvent("first")], NEVER);
  await gate.reached;
  assert.equal(opened.sink.hold(largeEvents()), undefined);
  gate.open();
  assert.deepEqual(await sending, DELIVERED);
  assert.equal(receiver.requests.length, 1);
});

Deno.test("FluentdSink.send() takes the lane of a request that is held when there is no other, and that one is sent anew", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url(), { maxLanes: 1 });
  const events = largeEvents();
  const held = opened.sink.hold(events);
  await receiver.waitForRequests(1);
  assert.deepEqual(await opened.sink.send([makeEvent("other")], NEVER), DELIVERED);
  assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED);
  assert.deepEqual(idsOf(receiver), ["other", "e0", "e1", "e2", "e3", "e4"]);
  await receiver.waitForOpenConnections(1);
});

Deno.test("FluentdSink.send() drops what is held when it is aborted before it begins", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url(), { maxLanes: 1 });
  const events = largeEvents();
  const held = opened.sink.hold(events);
  await receiver.waitForRequests(1);
  await assert.rejects(
    opened.sink.send(events, AbortSignal.abort(new Error("over")), held),
    /over/,
  );
  await receiver.waitForOpenConnections(0);
  assert.deepEqual(receiver.events, []);
});

Deno.test("HeldRequest.drop() closes the connection; the receiver takes nothing, and the lane is free", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url(), { maxLanes: 1 });
  const held = opened.sink.hold(largeEvents());
  await receiver.waitForRequests(1);
  held!.drop();
  held!.drop();
  await receiver.waitForOpenConnections(0);
  assert.deepEqual(await opened.sink.send([makeEvent("after")], NEVER), DELIVERED);
  assert.deepEqual(idsOf(receiver), ["after"]);
});

Deno.test("FluentdSink.send() sends a request anew that broke off or was held for 5 s", async () => {
  const breaks: { [name: string]: (receiver: FakeReceiver, clock: FakeClock) => Promise<void> } = {
    broken: async (receiver) => {
      receiver.dropConnections();
      await receiver.waitForOpenConnections(0);
    },
    late: (_receiver, clock) => clock.advance(5000),
  };
  for (const [name, breakOff] of Object.entries(breaks)) {
    await using receiver = await startFakeReceiver();
    using opened = await openSink(receiver.url());
    const events = largeEvents();
    const held = opened.sink.hold(events);
    await receiver.waitForRequests(1);
    await breakOff(receiver, opened.clock);
    assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED, name);
    assert.deepEqual(idsOf(receiver), ["e0", "e1", "e2", "e3", "e4"], name);
    assert.ok(opened.logger.records.every(({ level }) => level === "debug"), name);
  }
});

Deno.test("FluentdSink.send() does not believe an answer that came before the request was whole", async () => {
  const answered = Promise.withResolvers<void>();
  await using receiver = await startRawReceiver(async (exchange) => {
    await exchange.write(OK);
    answered.resolve();
  }, { answeredEarly: 1 });
  using opened = await openSink(receiver.url);
  const events = largeEvents();
  const held = opened.sink.hold(events);
  await answered.promise;
  // By now the answer to this one has come over the same loopback.
  assert.deepEqual(await opened.sink.send([makeEvent("other")], NEVER), DELIVERED);
  assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED);
  assert.equal(receiver.heads.length, 3);
});

Deno.test("FluentdSink.send() says that a request is too large when the receiver says so before its end has come", async () => {
  await using receiver = await startFakeReceiver({ bodySizeLimit: 400_000 });
  using opened = await openSink(receiver.url());
  const events = largeEvents();
  const held = opened.sink.hold(events);
  await receiver.waitForRequests(1);
  assert.equal((await opened.sink.send(events, NEVER, held)).kind, "rejected");
  assert.deepEqual(receiver.events, []);
});

Deno.test("FluentdSink.send() says retry when a request that was held is not answered in time", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url(), { timeoutMs: 300 });
  const events = largeEvents();
  receiver.answerNext({ hang: "before-taking" });
  const held = opened.sink.hold(events);
  await receiver.waitForRequests(1);
  const delivery = await opened.sink.send(events, NEVER, held);
  assert.deepEqual(delivery, LATE);
  await receiver.waitForOpenConnections(0);
});

Deno.test("FluentdSink.send() throws the reason of an abort while a request that was held is under way", async () => {
  await using receiver = await startFakeReceiver();
  using opened = await openSink(receiver.url());
  const events = largeEvents();
  const gate = receiver.holdNext();
  const held = opened.sink.hold(events);
  const abort = new AbortController();
  const sending = opened.sink.send(events, abort.signal, held);
  await gate.reached;
  const reason = new Error("enough");
  abort.abort(reason);
  await assert.rejects(sending, (error: unknown) => error === reason);
  gate.open();
  assert.deepEqual(await opened.sink.send(largeEvents(5), NEVER), DELIVERED);
});

Deno.test("FluentdSink.send() repeats the payload as it was when the end of a held request met a lost connection", async () => {
  let bodies = 0;
  await using receiver = await startRawReceiver(async (exchange) => {
    // The second request, the held one, gets no answer on the connection that served the first.
    if (++bodies === 2) return exchange.close();
    await exchange.write(OK);
  });
  using opened = await openSink(receiver.url);
  assert.deepEqual(await opened.sink.send(largeEvents(), NEVER), DELIVERED);
  const events = largeEvents(5);
  const held = opened.sink.hold(events);
  assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED);
  const lengths = receiver.heads.map((head) => /content-length: (\d+)/.exec(head)?.[1]);
  assert.equal(lengths.length, 3);
  assert.equal(new Set(lengths).size, 1);
});

Deno.test("FluentdLanes gives up what is held when it is disposed of", async () => {
  await using receiver = await startFakeReceiver();
  {
    using opened = await openSink(receiver.url());
    opened.sink.hold(largeEvents());
    await receiver.waitForRequests(1);
  }
  await receiver.waitForOpenConnections(0);
  assert.deepEqual(receiver.events, []);
});

Deno.test("FluentdLanes gets on with a receiver that waits for a held request before it serves another connection", async () => {
  await using receiver = await startRawReceiver((exchange) => exchange.write(OK), {
    oneAtATime: true,
  });
  using opened = await openSink(receiver.url, { timeoutMs: 500 });
  const events = largeEvents();
  const held = opened.sink.hold(events);
  const other = [makeEvent("other")];
  assert.deepEqual(await opened.sink.send(other, NEVER), LATE);
  assert.deepEqual(await opened.sink.send(other, NEVER), DELIVERED);
  assert.deepEqual(await opened.sink.send(events, NEVER, held), DELIVERED);
  assert.equal(opened.sink.hold(largeEvents(5)), undefined);
});

Deno.test("FluentdLanes gets on with a receiver that waits for an idle connection before it serves another", async () => {
  const gate = new Gate();
  await using receiver = await startRawReceiver(async (exchange) => {
    await gate.pass();
    await exchange.write(OK);
  }, { oneAtATime: true });
  using opened = await openSink(receiver.url, { timeoutMs: 500 });
  const sending = opened.sink.send([makeEvent("first")], NEVER);
  await gate.reached;
  const events = largeEvents();
  const held = opened.sink.hold(events);
  gate.open();
  assert.deepEqual(await sending, DELIVERED);
  assert.deepEqual(await opened.sink.send(events, NEVER, held), LATE);
  assert.deepEqual(await opened.sink.send(events, NEVER), DELIVERED);
  assert.equal(opened.sink.hold(largeEvents(5)), undefined);
});
