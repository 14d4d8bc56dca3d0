/**
 * Gives the fake receiver Fluentd's worst habit: it hands out TLS session tickets and refuses every
 * client that comes back with one, with the alert `internal_error` ("session id context
 * uninitialized" in Fluentd's log).
 *
 * The TLS server of `node:tls` in Deno gives out no tickets, that of `Deno.listenTls` does but asks
 * for no client certificate. So this relay ends the client's TLS without one and makes its own
 * connection, with the client's certificate, to the receiver behind it.
 */
import type { FakeReceiver } from "./fake_receiver.ts";

/** Number of the extension `pre_shared_key` in a ClientHello: the client resumes a session. */
const PRE_SHARED_KEY = 41;

const ALERT_INTERNAL_ERROR = new Uint8Array([0x15, 3, 3, 0, 2, 2, 80]);

/** A running relay. */
export interface ResumptionRefusingRelay extends AsyncDisposable {
  readonly port: number;
  /** How many connections tried to resume a session, and were refused. */
  readonly refused: number;
  /** URL of a path on the receiver behind the relay. */
  url(path?: string): string;
}

/** Anything that bytes can be read from and written to. */
type Connection = Deno.Conn;

/** Starts a relay before `receiver`. Dispose it before the receiver. */
export function startResumptionRefusingRelay(receiver: FakeReceiver): ResumptionRefusingRelay {
  return new Relay(receiver);
}

class Relay implements ResumptionRefusingRelay {
  readonly #receiver: FakeReceiver;
  readonly #front: Deno.TcpListener;
  readonly #terminator: Deno.TlsListener;
  readonly #open = new Set<Connection>();
  readonly #jobs = new Set<Promise<void>>();
  refused = 0;

  constructor(receiver: FakeReceiver) {
    this.#receiver = receiver;
    const { certificatePem, privateKeyPem } = receiver.certificates.server;
    this.#front = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#terminator = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: certificatePem,
      key: privateKeyPem,
    });
    this.#run(this.#serve(this.#front, (connection) => this.#admit(connection)));
    this.#run(this.#serve(this.#terminator, (connection) => this.#forward(connection)));
  }

  get port(): number {
    return this.#front.addr.port;
  }

  url(path = "/test.log"): string {
    return `https://localhost:${this.port}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#front.close();
    this.#terminator.close();
    for (const connection of this.#open) close(connection);
    while (this.#jobs.size > 0) await Promise.all([...this.#jobs]);
  }

  async #serve(
    listener: Deno.Listener<Connection>,
    handle: (connection: Connection) => Promise<void>,
  ): Promise<void> {
    for await (const connection of listener) {
      this.#open.add(connection);
      this.#run(
        handle(connection).finally(() => {
          this.#open.delete(connection);
          close(connection);
        }),
      );
    }
  }

  /** Looks at the ClientHello and lets only fresh sessions through to the terminator. */
  async #admit(connection: Connection): Promise<void> {
    const hello = await readRecord(connection);
    if (hello === undefined) return;
    if (listExtensions(hello).includes(PRE_SHARED_KEY)) {
      this.refused++;
      await writeAll(connection, ALERT_INTERNAL_ERROR);
      return;
    }
    const inner = await Deno.connect({
      hostname: "127.0.0.1",
      port: (this.#terminator.addr as Deno.NetAddr).port,
    });
    await writeAll(inner, hello);
    await this.#join(connection, inner);
  }

  /** Joins what the client says inside TLS with a connection of our own to the receiver. */
  async #forward(connection: Connection): Promise<void> {
    const { certificates, port } = this.#receiver;
    const outer = await Deno.connectTls({
      hostname: "localhost",
      port,
      caCerts: [certificates.authority.certificatePem],
      cert: certificates.client.certificatePem,
      key: certificates.client.privateKeyPem,
    });
    await this.#join(connection, outer);
  }

  /** Copies both ways until either side ends, then ends both. */
  async #join(left: Connection, right: Connection): Promise<void> {
    this.#open.add(right);
    try {
      await Promise.race([copy(left, right), copy(right, left)]);
    } finally {
      this.#open.delete(right);
      close(right);
      close(left);
    }
  }

  #run(job: Promise<void>): void {
    // Connections break here all the time; whoever broke them is the one who notices.
    const tracked = job.catch(() => {}).finally(() => this.#jobs.delete(tracked));
    this.#jobs.add(tracked);
  }
}

async function copy(from: Connection, to: Connection): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const length = await from.read(buffer);
    if (length === null) return;
    await writeAll(to, buffer.subarray(0, length));
  }
}

/** Reads the first TLS record whole; undefined when the client sends none. */
async function readRecord(connection: Connection): Promise<Uint8Array | undefined> {
  const buffer = new Uint8Array(32 * 1024);
  let length = 0;
  for (;;) {
    if (length >= 5 && length >= 5 + (buffer[3]! << 8 | buffer[4]!)) {
      return buffer.slice(0, length);
    }
    const read = await connection.read(buffer.subarray(length));
    if (read === null) return undefined;
    length += read;
  }
}

/** Numbers of the extensions of a ClientHello. */
function listExtensions(hello: Uint8Array): number[] {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.byteLength);
  let at = 5 + 4 + 2 + 32; // record header, handshake header, version, random
  at += 1 + view.getUint8(at); // session id
  at += 2 + view.getUint16(at); // cipher suites
  at += 1 + view.getUint8(at); // compression methods
  const end = at + 2 + view.getUint16(at);
  const numbers: number[] = [];
  for (at += 2; at < end; at += 4 + view.getUint16(at + 2)) numbers.push(view.getUint16(at));
  return numbers;
}

async function writeAll(connection: Connection, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

function close(connection: Connection): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
