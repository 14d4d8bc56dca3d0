/**
 * An HTTP/2 listener with mutual TLS that knows what is open: connections can be cut, refused and
 * counted. Closing it fails when a client left something open.
 */
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { Bell } from "./bell.ts";

/** Handles one request; the signature of connect's node adapter. */
export type RequestHandler = (
  request: http2.Http2ServerRequest,
  response: http2.Http2ServerResponse,
) => void;

/** How to listen. */
export interface Http2ListenerOptions {
  /** Chain and key that the server presents. */
  readonly server: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** The only authority whose clients are let in. */
  readonly clientAuthorityPem: string;
  readonly onRequest: RequestHandler;
}

/** One connection for as long as it is open. */
interface Connection {
  readonly id: number;
  readonly socket: Socket;
  session?: http2.ServerHttp2Session;
}

/** Time that a client's closing may need to come through, before it counts as a leak. */
const LEAK_GRACE_MS = 2000;

/** See the head of this file. */
export class Http2Listener {
  readonly #options: Http2ListenerOptions;
  readonly #bell = new Bell();
  readonly #open = new Map<number, Connection>();
  readonly #ids = new WeakMap<object, number>();
  #server: http2.Http2SecureServer | undefined;
  #port = 0;
  #connections = 0;
  #openStreams = 0;
  /** What went wrong in handshakes, in order: refused certificates among them. */
  readonly handshakeErrors: string[] = [];

  private constructor(options: Http2ListenerOptions) {
    this.#options = options;
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(options: Http2ListenerOptions): Promise<Http2Listener> {
    const listener = new Http2Listener(options);
    await listener.accept();
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /** How many TLS connections were made so far. */
  get connections(): number {
    return this.#connections;
  }

  /** How many TLS connections are open. */
  get openConnections(): number {
    return [...this.#open.values()].filter((connection) => connection.session !== undefined).length;
  }

  /** How many requests are not finished. */
  get openStreams(): number {
    return this.#openStreams;
  }

  /** Number of the connection that a request came over, from 1. */
  connectionId(request: http2.Http2ServerRequest): number {
    return this.#ids.get(request.stream.session as object) ?? 0;
  }

  /** Listens again, on the same port as before. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = http2.createSecureServer({
      key: this.#options.server.privateKeyPem,
      cert: this.#options.server.certificatePem,
      ca: this.#options.clientAuthorityPem,
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ["h2"],
    }, this.#options.onRequest);
    this.#watch(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Stops listening and resets every connection: the next attempts find nobody. */
  async refuse(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.drop();
    await closed;
  }

  /** Resets every connection, as a broken network does. */
  drop(): void {
    for (const { socket } of this.#open.values()) socket.resetAndDestroy();
  }

  /** Resets the connection with the given number. */
  dropConnection(id: number): void {
    this.#open.get(id)?.socket.resetAndDestroy();
  }

  /** Tells every client to make a new connection for its next call (GOAWAY). */
  goAway(): void {
    for (const { session } of this.#open.values()) session?.goaway(0);
  }

  /** Resolves when at most `count` connections are open. */
  async waitForOpenConnections(count: number, timeoutMs?: number): Promise<void> {
    await this.#bell.waitFor(() => this.#open.size <= count, {
      what: () => `at most ${count} open connections; there are ${this.#open.size}`,
      timeoutMs,
    });
  }

  /**
   * Closes the listener.
   *
   * @throws When a client left a connection open.
   */
  async close(): Promise<void> {
    const late = await this.waitForOpenConnections(0, LEAK_GRACE_MS).catch((error) => error);
    const streams = this.#openStreams;
    const connections = this.#open.size;
    await this.refuse();
    if (late !== undefined) {
      throw new Error(
        `Client leaked ${connections} connections with ${streams} open streams`,
      );
    }
  }

  #watch(server: http2.Http2SecureServer): void {
    const bySocket = new Map<string, Connection>();
    server.on("connection", (socket: Socket) => {
      const connection: Connection = { id: ++this.#connections, socket };
      const place = `${socket.remoteAddress}:${socket.remotePort}`;
      bySocket.set(place, connection);
      this.#open.set(connection.id, connection);
      socket.on("error", () => {});
      socket.on("close", () => {
        bySocket.delete(place);
        this.#open.delete(connection.id);
        this.#bell.ring();
      });
    });
    server.on("session", (session) => {
      const place = `${session.socket.remoteAddress}:${session.socket.remotePort}`;
      const connection = bySocket.get(place);
      if (connection === undefined) return;
      connection.session = session;
      this.#ids.set(session, connection.id);
      session.on("error", () => {});
    });
    server.on("stream", (stream) => {
      this.#openStreams++;
      stream.on("error", () => {});
      stream.on("close", () => {
        this.#openStreams--;
        this.#bell.ring();
      });
    });
    server.on("tlsClientError", (error) => this.handshakeErrors.push(error.message));
    server.on("sessionError", () => {});
  }
}
