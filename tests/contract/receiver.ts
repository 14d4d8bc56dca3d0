/**
 * What every receiver does that the handler may talk to. The suite runs over the fake one and over
 * real Fluentd, old and new, so that the fake is known to be no more lenient.
 */
import assert from "node:assert/strict";
import type { FluentdCertificates } from "../support/certificates.ts";
import type { RegisterTest } from "./auth_server.ts";

/** A running receiver that resets idle connections after 1 s and takes bodies up to 64 KiB. */
export interface ReceiverSubject extends AsyncDisposable {
  readonly certificates: FluentdCertificates;
  url(path: string): string;
  /** Records taken under a path, in order; asked for once, at the end of a test. */
  readTaken(path: string): Promise<readonly unknown[]>;
}

/** One request of a test. */
interface Post {
  readonly path?: string;
  readonly body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Values of `time` that are no RFC 3339 times. */
const UNREADABLE_TIMES: readonly string[] = [
  '"yesterday"',
  '"2026-13-01T00:00:00Z"',
  '"2026-01-01"',
  '""',
  "1767225600",
  "{}",
];

/** Registers the suite for one kind of receiver. */
export function testReceiverContract(
  name: string,
  open: () => Promise<ReceiverSubject>,
  register: RegisterTest,
): void {
  const test = (clause: string, fn: (receiver: Sender) => Promise<void>) =>
    register(`${name} ${clause}`, async () => {
      await using subject = await open();
      using sender = new Sender(subject);
      await fn(sender);
    });

  test("takes a single event", async (receiver) => {
    assert.equal(await receiver.post({ body: '{"a":1,"b":{"c":[true,null,"é"]}}' }), 200);
    await receiver.assertTaken([{ a: 1, b: { c: [true, null, "é"] } }]);
  });

  test("takes an array of events in its order", async (receiver) => {
    const events = Array.from({ length: 200 }, (_, n) => ({ n, time: "2026-01-01T00:00:00.123Z" }));
    assert.equal(await receiver.post({ body: JSON.stringify(events.slice(0, 100)) }), 200);
    assert.equal(await receiver.post({ body: JSON.stringify(events.slice(100)) }), 200);
    await receiver.assertTaken(events);
  });

  test("takes an empty array as a probe and stores nothing", async (receiver) => {
    assert.equal(await receiver.post({ body: "[]" }), 200);
    await receiver.assertTaken([]);
  });

  test("keeps the paths apart", async (receiver) => {
    assert.equal(await receiver.post({ path: "/one.log", body: '{"n":1}' }), 200);
    assert.equal(await receiver.post({ path: "/session.x.log", body: '{"n":2}' }), 200);
    await receiver.assertTaken([{ n: 2 }], "/session.x.log");
  });

  test("refuses a whole batch for one event with an unreadable time", async (receiver) => {
    for (const time of UNREADABLE_TIMES) {
      const status = await receiver.post({ body: `[{"n":1},{"n":2,"time":${time}}]` });
      assert.equal(status, 400, time);
    }
    await receiver.assertTaken([]);
  });

  test("stores nothing of lines of JSON, null or an empty body", async (receiver) => {
    for (const body of ['{"n":1}\n{"n":2}\n', "null", ""]) await receiver.post({ body });
    await receiver.assertTaken([]);
  });

  test("answers a body over its limit with 413 and stores nothing", async (receiver) => {
    const body = JSON.stringify([{ n: "x".repeat(100_000) }]);
    // The connection is reset after the answer, which may overtake it.
    const status = await receiver.post({ body }).catch(() => 413);
    assert.equal(status, 413);
    await receiver.assertTaken([]);
  });

  test("lets nobody in without a certificate of its authority", async (receiver) => {
    const { authority, expired, foreign } = receiver.subject.certificates;
    const caCerts = [authority.certificatePem];
    for (const pair of [undefined, expired, foreign.client]) {
      using client = Deno.createHttpClient({
        caCerts,
        ...(pair === undefined ? {} : { cert: pair.certificatePem, key: pair.privateKeyPem }),
      });
      await assert.rejects(receiver.post({ body: '{"n":1}' }, client));
    }
    await receiver.assertTaken([]);
  });

  test("refuses a client that resumes its TLS session and takes a fresh one", async (receiver) => {
    using client = receiver.createClient();
    assert.equal(await receiver.post({ body: '{"n":1}' }, client), 200);
    // A request that is not finished holds the one connection, so the next needs another, for which
    // the client has a ticket by now.
    const held = new TransformStream<Uint8Array<ArrayBuffer>>();
    const first = receiver.post({ body: held.readable }, client);
    const writer = held.writable.getWriter();
    await writer.write(new TextEncoder().encode('{"n":2'));
    await assert.rejects(
      receiver.post({ body: '{"n":2}' }, client),
      (error: TypeError) => /InternalError/.test(`${error.message} ${error.cause}`),
    );
    await writer.write(new TextEncoder().encode("}"));
    await writer.close();
    assert.equal(await first, 200);
    assert.equal(await receiver.post({ body: '{"n":3}' }), 200);
    await receiver.assertTaken([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test("closes connections that are idle", async (receiver) => {
    const { authority, client } = receiver.subject.certificates;
    const { hostname, port } = new URL(receiver.subject.url("/"));
    using connection = await Deno.connectTls({
      hostname,
      port: Number(port),
      caCerts: [authority.certificatePem],
      cert: client.certificatePem,
      key: client.privateKeyPem,
    });
    await connection.handshake();
    const head = "POST /test.log HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    await connection.write(new TextEncoder().encode(`${head}Content-Length: 2\r\n\r\n[]`));
    const buffer = new Uint8Array(4096);
    let answer = "";
    try {
      for (let n: number | null = 0; n !== null; n = await connection.read(buffer)) {
        answer += new TextDecoder().decode(buffer.subarray(0, n));
      }
    } catch (error) {
      assert.ok(!(error instanceof Deno.errors.TimedOut), String(error));
    }
    assert.match(answer, /^HTTP\/1.1 200 OK/);
  });
}

/** Posts to a receiver on behalf of a clause. */
class Sender implements Disposable {
  readonly subject: ReceiverSubject;
  readonly #client: Deno.HttpClient;

  constructor(subject: ReceiverSubject) {
    this.subject = subject;
    this.#client = this.createClient();
  }

  createClient(): Deno.HttpClient {
    const { authority, client } = this.subject.certificates;
    return Deno.createHttpClient({
      caCerts: [authority.certificatePem],
      cert: client.certificatePem,
      key: client.privateKeyPem,
    });
  }

  /** Posts as JSON and returns the status. */
  async post(post: Post, client: Deno.HttpClient = this.#client): Promise<number> {
    const response = await fetch(this.subject.url(post.path ?? "/test.log"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: post.body,
      client,
    });
    await response.bytes();
    return response.status;
  }

  async assertTaken(expected: readonly unknown[], path = "/test.log"): Promise<void> {
    this.#client.close();
    assert.deepEqual(await this.subject.readTaken(path), expected);
  }

  [Symbol.dispose](): void {
    try {
      this.#client.close();
    } catch {
      // Closed before the records were read.
    }
  }
}
