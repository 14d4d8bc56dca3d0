/** What a receiver can do to us that no good one does: each is over soon, and costs little. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { Delivery } from "../../src/core/delivery.ts";
import { Lane } from "../../src/fluentd/lane.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { type RawExchange, startRawReceiver } from "../support/raw_receiver.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const TIMEOUT_MS = 500;
const MIB = 1024 * 1024;
/** The longest reason that goes into a log line. */
const MAX_REASON = 700;

/** Posts one event to a receiver that answers so, and checks what must hold whatever it does. */
async function post(answer: (exchange: RawExchange) => Promise<void>): Promise<Delivery> {
  const { authority, client } = await fluentdCertificates();
  await using receiver = await startRawReceiver(answer);
  using lane = new Lane({
    tls: {
      caCerts: [authority.certificatePem],
      client: { cert: client.certificatePem, key: client.privateKeyPem },
    },
    userAgent: "test/1",
    timeoutMs: TIMEOUT_MS,
    clock: new FakeClock(),
    logger: new RecordingLogger(),
  });
  const startMs = performance.now();
  const delivery = await lane.post(receiver.url, makeEvents(1), new AbortController().signal);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 10 * TIMEOUT_MS, `took ${tookMs} ms`);
  const reason = "reason" in delivery ? delivery.reason : "";
  assert.ok(reason.length <= MAX_REASON, `${reason.length} characters: ${reason.slice(0, 200)}`);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(reason, /[\x00-\x1f\x7f-\x9f]/);
  return delivery;
}

/** Writes the same again and again until the client leaves, and says how many bytes that took. */
async function flood(exchange: RawExchange, text: string): Promise<number> {
  let written = 0;
  try {
    for (;;) {
      await exchange.write(text);
      written += text.length;
    }
  } catch {
    return written;
  }
}

Deno.test("Lane.post() takes no endless head of an answer", async () => {
  let written = 0;
  const delivery = await post(async (exchange) => {
    await exchange.write("HTTP/1.1 200 OK\r\n");
    written = await flood(exchange, `x-header: ${"v".repeat(8000)}\r\n`);
  });
  assert.equal(delivery.kind, "retry");
  assert.ok(written < 16 * MIB, `${written} bytes`);
});

Deno.test("Lane.post() takes no head with a single endless line", async () => {
  let written = 0;
  const delivery = await post(async (exchange) => {
    await exchange.write("HTTP/1.1 200 OK\r\nx-header: ");
    written = await flood(exchange, "v".repeat(16 * 1024));
  });
  assert.equal(delivery.kind, "retry");
  assert.ok(written < 16 * MIB, `${written} bytes`);
});

Deno.test("Lane.post() does not wait longer than the time-out for the end of the 100s", async () => {
  const delivery = await post(async (exchange) => {
    await flood(exchange, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100));
  });
  assert.equal(delivery.kind, "retry");
});

Deno.test("Lane.post() does not wait longer than the time-out for a head that drips", async () => {
  const delivery = await post((exchange) => exchange.write("HTTP/1.1 200 OK\r\nx-header: "));
  assert.equal(delivery.kind, "retry");
});

for (const [encoding, body] of [["gzip", gzipSync(new Uint8Array(128 * MIB))]] as const) {
  Deno.test(`Lane.post() unpacks no more than the beginning of an answer in ${encoding}`, async () => {
    const before = Deno.memoryUsage().rss;
    const delivery = await post(async (exchange) => {
      const head = `Content-Encoding: ${encoding}\r\nContent-Length: ${body.length}\r\n\r\n`;
      await exchange.write(`HTTP/1.1 400 Bad Request\r\n${head}`);
      await exchange.write(body).catch(() => {});
    });
    assert.equal(delivery.kind, "rejected");
    const grown = Deno.memoryUsage().rss - before;
    assert.ok(grown < 64 * MIB, `${grown} bytes`);
  });
}

Deno.test("Lane.post() lets a receiver write no line of the log and move no cursor", async () => {
  const body = "\x1b[2J\x1b]0;owned\x07no\r\nINFO[0000] Event sent id=forged\x9b31m\x00";
  const delivery = await post(async (exchange) => {
    const { length } = new TextEncoder().encode(body);
    await exchange.write(`HTTP/1.1 400 Bad\r\nContent-Length: ${length}\r\n\r\n${body}`);
  });
  assert.deepEqual(delivery, {
    kind: "rejected",
    reason: "HTTP 400: [2J ]0;owned no INFO[0000] Event sent id=forged 31m",
    remedy: "look at <parse> of Fluentd's http input: json, and time_format %iso8601",
  });
});

Deno.test("Lane.post() tells of a redirect to an endless address in a few words", async () => {
  const delivery = await post((exchange) =>
    exchange.write(
      `HTTP/1.1 308 No\r\nLocation: https://a/${"x".repeat(60_000)}\r\nContent-Length: 0\r\n\r\n`,
    )
  );
  assert.equal(delivery.kind, "misconfigured");
});

for (const status of [301, 302, 303, 307, 308]) {
  Deno.test(`Lane.post() brings neither events nor certificate to another host on ${status}`, async () => {
    await using other = await startRawReceiver((exchange) =>
      exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    );
    const elsewhere = other.url.replace("localhost", "127.0.0.1");
    const delivery = await post((exchange) =>
      exchange.write(
        `HTTP/1.1 ${status} Go\r\nLocation: ${elsewhere}\r\nContent-Length: 0\r\n\r\n`,
      )
    );
    assert.equal(delivery.kind, "misconfigured");
    assert.equal(other.connections, 0);
  });
}

/** Answers whose body is not as long as they say, or that say it twice. */
const LENGTHS: readonly [what: string, head: string, kinds: readonly Delivery["kind"][]][] = [
  ["a length that is no number", "Content-Length: abc", ["retry"]],
  ["a length below zero", "Content-Length: -1", ["retry"]],
  ["a length beyond all numbers", `Content-Length: ${"9".repeat(30)}`, ["retry"]],
  ["two lengths", "Content-Length: 0\r\nContent-Length: 9", ["retry"]],
  ["a piece that is longer than all memory", "Transfer-Encoding: chunked", ["delivered"]],
];

for (const [what, head, kinds] of LENGTHS) {
  Deno.test(`Lane.post() says ${kinds.join(" or ")} for an answer with ${what}`, async () => {
    const delivery = await post(async (exchange) => {
      await exchange.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\nffffffffffffffff\r\nxx`);
      exchange.close();
    });
    assert.ok(kinds.includes(delivery.kind), delivery.kind);
  });
}
