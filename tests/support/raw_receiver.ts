/**
 * A receiver that answers with any bytes whatsoever, over TLS: for answers that no HTTP library would
 * write. It reads each request to its end by its Content-Length, and asks for no client certificate.
 */
import { fluentdCertificates } from "./certificates.ts";

/** What to do with a request, in place of a server. */
export interface RawExchange {
  /** Number of the connection, from 1. */
  readonly connectionId: number;
  /** Writes bytes of the answer; fails when the client is gone. */
  write(text: string | Uint8Array): Promise<void>;
  /** Closes the connection. */
  close(): void;
}

/** A running receiver. Disposing closes everything. */
export interface RawReceiver extends AsyncDisposable {
  readonly url: string;
  /** Connections made so far. */
  readonly connections: number;
  /** Heads of the requests, in the order of their coming. */
  readonly heads: readonly string[];
}

/**
 * Starts a receiver that does `answer` for each request; for the first `answeredEarly` of them as soon
 * as their heads have come.
 */
export async function startRawReceiver(
  answer: (exchange: RawExchange, index: number) => Promise<void> | void,
  { answeredEarly = 0, oneAtATime = false }: {
    readonly answeredEarly?: number;
    /** Whether a connection is served when the one before is closed, and no sooner. */
    readonly oneAtATime?: boolean;
  } = {},
): Promise<RawReceiver> {
  const { server } = await fluentdCertificates();
  const listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: server.certificatePem,
    key: server.privateKeyPem,
  });
  const heads: string[] = [];
  const open = new Set<Deno.TlsConn>();
  const jobs = new Set<Promise<void>>();
  let connections = 0;
  const close = (connection: Deno.TlsConn) => {
    if (open.delete(connection)) connection.close();
  };
  const serve = async (connection: Deno.TlsConn, connectionId: number) => {
    const reader = new RequestReader(connection);
    const next = () => reader.next(heads.length < answeredEarly);
    for (let head = await next(); head !== undefined; head = await next()) {
      heads.push(head);
      await answer({
        connectionId,
        write: (text) => writeAll(connection, text),
        close: () => close(connection),
      }, heads.length - 1);
    }
  };
  const accept = async () => {
    for await (const connection of listener) {
      open.add(connection);
      // The client may break the connection at any point.
      const job = serve(connection, ++connections).catch(() => {}).finally(() => {
        close(connection);
        jobs.delete(job);
      });
      jobs.add(job);
      if (oneAtATime) await job;
    }
  };
  const accepting = accept();
  return {
    url: `https://localhost:${(listener.addr as Deno.NetAddr).port}/test.log`,
    get connections() {
      return connections;
    },
    heads,
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of open) close(connection);
      await Promise.all([accepting, ...jobs]);
    },
  };
}

/** Reads requests from a connection, one after the other. */
class RequestReader {
  readonly #connection: Deno.Conn;
  #text = "";

  constructor(connection: Deno.Conn) {
    this.#connection = connection;
  }

  /** Head of the next request, when its body is read too; undefined when the client has closed. */
  async next(headAlone: boolean): Promise<string | undefined> {
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder("latin1");
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n") + 4;
      if (end >= 4) {
        const head = this.#text.slice(0, end);
        const length = headAlone ? 0 : Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (this.#text.length >= end + length) {
          this.#text = this.#text.slice(end + length);
          return head;
        }
      }
      const read = await this.#connection.read(buffer);
      if (read === null) return undefined;
      this.#text += decoder.decode(buffer.subarray(0, read));
    }
  }
}

async function writeAll(connection: Deno.Conn, text: string | Uint8Array): Promise<void> {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
