import assert from "node:assert/strict";
import type { AuditEvent } from "../../src/core/event.ts";
import { Lane, type LaneOptions, type ReceiverTls } from "../../src/fluentd/lane.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type FakeReceiver, startFakeReceiver } from "../support/fake_receiver.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { startRawReceiver } from "../support/raw_receiver.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const NEVER = new AbortController().signal;
const DELIVERED = { kind: "delivered" };
const OK = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

async function receiverTls(): Promise<ReceiverTls> {
  const { authority, client } = await fluentdCertificates();
  return {
    caCerts: [authority.certificatePem],
    client: { cert: client.certificatePem, key: client.privateKeyPem },
  };
}

async function openLane(options: Partial<LaneOptions> = {}) {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const tls = await receiverTls();
  const lane = new Lane({ tls, userAgent: "test/1", timeoutMs: 5000, clock, logger, ...options });
  const post = (url: string, events: readonly AuditEvent[] = makeEvents(1), signal = NEVER) =>
    lane.post(url, events, signal);
  return { lane, clock, logger, post, [Symbol.dispose]: () => lane[Symbol.dispose]() };
}

function connectionIds(receiver: FakeReceiver): number[] {
  return receiver.requests.map((request) => request.connectionId);
}

Deno.test("Lane.post() sends JSON by POST over HTTP/1.1 with our certificate and name", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  assert.deepEqual(await lane.post(receiver.url("/a/b.log?x=1"), makeEvents(2)), DELIVERED);
  const [request] = receiver.requests;
  assert.equal(request!.path, "/a/b.log?x=1");
  assert.equal(request!.client, "teleport-event-handler");
  assert.equal(request!.headers["content-type"], "application/json");
  assert.equal(request!.headers["user-agent"], "test/1");
  assert.equal(request!.headers["content-length"], String(request!.bytes));
  assert.deepEqual(request!.events.map((event) => event["id"]), ["e0", "e1"]);
  assert.deepEqual(receiver.violations, []);
});

Deno.test("Lane.post() uses one connection for all requests that follow closely", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  for (let i = 0; i < 20; i++) {
    await lane.clock.advance(4999);
    assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
  }
  assert.equal(receiver.connections, 1);
});

Deno.test("Lane.post() makes a new connection after 5 s of idleness, without resuming the TLS session", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  for (let i = 0; i < 4; i++) {
    assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
    await lane.clock.advance(5000);
  }
  assert.deepEqual(connectionIds(receiver), [1, 2, 3, 4]);
  assert.deepEqual(receiver.handshakeErrors, []);
  await receiver.waitForOpenConnections(1);
  assert.deepEqual(lane.logger.records, []);
});

Deno.test("Lane.post() costs nothing visible when the receiver reset the connection between two requests", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(await lane.post(receiver.url(), makeEvents(1, i)), DELIVERED);
    receiver.dropConnections();
    await receiver.waitForOpenConnections(0);
  }
  assert.deepEqual(receiver.fieldsOf().map((event) => event["id"]), ["e0", "e1", "e2", "e3", "e4"]);
  assert.ok(lane.logger.records.every((record) => record.level === "debug"), lane.logger.text);
});

for (const reset of ["before-reading", "before-answering"] as const) {
  Deno.test(`Lane.post() says retry for a first connection that is reset ${reset.replace("-", " ")}, and goes on over a new one`, async () => {
    await using receiver = await startFakeReceiver();
    using lane = await openLane();
    // The runtime may repeat a request by itself.
    receiver.answerNext({ reset }, 10);
    assert.equal((await lane.post(receiver.url())).kind, "retry");
    receiver.clearScript();
    assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
    assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
    const [second, third] = connectionIds(receiver).slice(-2);
    assert.equal(second, third);
  });
}

Deno.test("Lane.post() gives up after one new connection: it says retry and does not loop", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  await lane.post(receiver.url());
  await receiver.refuse();
  const delivery = await lane.post(receiver.url());
  assert.ok(delivery.kind === "retry");
  assert.match(delivery.reason, /Connection refused/);
  assert.equal(lane.logger.records.length, 1);
  await receiver.accept();
  assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
});

Deno.test("Lane.post() believes the status of an answer whose body breaks off, and leaves that connection", async () => {
  await using receiver = await startRawReceiver(async (exchange, index) => {
    if (index > 0) return await exchange.write(OK);
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    exchange.close();
  });
  using lane = await openLane();
  assert.deepEqual(await lane.post(receiver.url), DELIVERED);
  assert.deepEqual(await lane.post(receiver.url), DELIVERED);
  assert.equal(receiver.connections, 2);
});

Deno.test("Lane.post() makes a new connection after an answer with Connection: close", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  receiver.answerNext({ headers: { connection: "Close" } });
  assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
  assert.deepEqual(await lane.post(receiver.url()), DELIVERED);
  assert.deepEqual(connectionIds(receiver), [1, 2]);
  assert.deepEqual([receiver.handshakeErrors, lane.logger.records], [[], []]);
});

Deno.test("Lane.post() says retry when no answer comes in time, and closes the connection", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane({ timeoutMs: 200 });
  const gate = receiver.holdNext();
  assert.deepEqual(await lane.post(receiver.url()), { kind: "retry", reason: "no answer in time" });
  await receiver.waitForOpenConnections(0);
  gate.open();
});

Deno.test("Lane.post() does not send a request again that was not answered in time on a used connection", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane({ timeoutMs: 500 });
  await lane.post(receiver.url());
  receiver.holdNext();
  assert.equal((await lane.post(receiver.url())).kind, "retry");
  assert.equal(receiver.requests.length, 2);
});

Deno.test("Lane.post() throws the reason of an abort and closes the connection", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  await lane.post(receiver.url());
  const gate = receiver.holdNext();
  const controller = new AbortController();
  const posting = lane.post(receiver.url(), makeEvents(1), controller.signal);
  await gate.reached;
  const reason = new Error("shutting down");
  controller.abort(reason);
  await assert.rejects(posting, (error: unknown) => error === reason);
  await receiver.waitForOpenConnections(0);
  assert.equal(receiver.requests.length, 2);
});

Deno.test("Lane.post() throws the reason of an abort from before, and sends nothing", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  const reason = { stop: true };
  await assert.rejects(
    lane.post(receiver.url(), makeEvents(1), AbortSignal.abort(reason)),
    (error: unknown) => error === reason,
  );
  assert.equal(receiver.requests.length, 0);
});

Deno.test("Lane.post() does not mix a request with one that was given up before", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane({ timeoutMs: 300 });
  receiver.holdNext();
  await lane.post(receiver.url(), makeEvents(300));
  await lane.post(receiver.url(), makeEvents(300, 1000));
  const bodies = receiver.requests.map((request) => request.events.map((event) => event["id"]));
  for (const [i, first] of [0, 1000].entries()) {
    if (bodies[i]!.length === 0) continue;
    assert.deepEqual(bodies[i], makeEvents(300, first).map((event) => event.id));
  }
  assert.deepEqual(receiver.violations, []);
});

Deno.test("Lane.post() follows no redirect", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  receiver.answerNext({ status: 307, headers: { location: receiver.url("/elsewhere.log") } });
  const delivery = await lane.post(receiver.url());
  assert.ok(delivery.kind === "misconfigured");
  assert.match(delivery.reason, /redirects to https:\/\/localhost:\d+\/elsewhere\.log/);
  assert.deepEqual(receiver.requests.map((request) => request.path), ["/test.log"]);
});

Deno.test("Lane.post() passes on status, words and Retry-After", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  receiver.answerNext({ status: 429, headers: { "retry-after": "7" }, body: "slow down" });
  assert.deepEqual(await lane.post(receiver.url()), {
    kind: "retry",
    reason: "HTTP 429: slow down",
    afterMs: 7000,
  });
  await lane.post(receiver.url());
  assert.equal(receiver.connections, 1);
});

Deno.test("Lane.post() reads no more than the beginning of an endless answer", async () => {
  const chunk = "x".repeat(16 * 1024);
  let written = 0;
  await using receiver = await startRawReceiver(async (exchange) => {
    await exchange.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 99999999999\r\n\r\n");
    for (;;) {
      await exchange.write(chunk);
      written += chunk.length;
    }
  });
  using lane = await openLane({ timeoutMs: 60_000 });
  for (let i = 1; i <= 2; i++) {
    assert.equal((await lane.post(receiver.url)).kind, "rejected");
    assert.equal(receiver.connections, i);
  }
  // What the sockets and the runtime hold of it is some megabytes.
  assert.ok(written < 32 * 1024 * 1024, `${written} bytes`);
});

Deno.test("Lane.post() does not wait longer than the time-out for an answer that drips", async () => {
  const held = Promise.withResolvers<void>();
  await using receiver = await startRawReceiver(async (exchange) => {
    await exchange.write("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf");
    await held.promise;
  });
  using lane = await openLane({ timeoutMs: 300 });
  const delivery = await lane.post(receiver.url);
  held.resolve();
  assert.equal(delivery.kind, "retry");
});

/** Answers that are no HTTP. */
const GARBAGE: readonly [string, string][] = [
  ["no HTTP", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["a status that is no number", "HTTP/1.1 abc OK\r\n\r\n"],
  ["half a head", "HTTP/1.1 200 OK\r\nContent-"],
  ["nothing", ""],
];

for (const [what, bytes] of GARBAGE) {
  Deno.test(`Lane.post() says retry for an answer of ${what}`, async () => {
    await using receiver = await startRawReceiver(async (exchange) => {
      await exchange.write(bytes);
      exchange.close();
    });
    using lane = await openLane();
    assert.equal((await lane.post(receiver.url)).kind, "retry");
  });
}

Deno.test("Lane.post() takes no second answer for that of the next request", async () => {
  await using receiver = await startRawReceiver(async (exchange, index) => {
    await exchange.write(index === 0 ? OK + OK : "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  });
  using lane = await openLane();
  assert.deepEqual(await lane.post(receiver.url), DELIVERED);
  assert.equal((await lane.post(receiver.url)).kind, "retry");
});

Deno.test("Lane.post() waits through 100 Continue and takes 204 without a body", async () => {
  await using receiver = await startRawReceiver((exchange) =>
    exchange.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
  );
  using lane = await openLane();
  assert.deepEqual(await lane.post(receiver.url), DELIVERED);
  assert.deepEqual(await lane.post(receiver.url), DELIVERED);
  assert.equal(receiver.connections, 1);
});

Deno.test("Lane.post() never writes the URL to the log, for it may hold a token", async () => {
  await using receiver = await startFakeReceiver();
  using lane = await openLane();
  const url = receiver.url("/test.log?token=hunter2");
  await lane.post(url);
  receiver.answerNext({ reset: "before-reading" }, 10);
  await lane.post(url);
  assert.equal(lane.logger.records.length, 1);
  assert.doesNotMatch(lane.logger.text, /hunter2/);
});
