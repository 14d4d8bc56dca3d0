/**
 * A listener with mutual TLS that knows what is open: connections can be cut, refused and counted.
 * Closing it fails when a client left something open. Both fake peers stand on it.
 */
import type { AddressInfo, Server, Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { Bell } from "./bell.ts";

/** How to listen. */
export interface TlsListenerOptions {
  /** Certificate and key that the server presents. */
  readonly server: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** The only authority whose clients are let in. */
  readonly clientAuthorityPem: string;
  /** Makes the server that speaks the protocol above TLS; called again after each `refuse`. */
  readonly createServer: (options: TlsOptions) => Server;
  /** Told when a TCP connection was made and when it is gone. */
  readonly onConnection?: (connection: Connection) => void;
  readonly onClose?: (connection: Connection) => void;
}

/** One connection. */
export interface Connection {
  /** From 1, in the order of their coming. */
  readonly id: number;
  /** The TCP connection below TLS. */
  readonly socket: Socket;
}

/** Either end of what identifies a connection; request sockets and sessions have it too. */
interface RemotePlace {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Time that a client's closing may need to come through, before it counts as a leak. */
const LEAK_GRACE_MS = 2000;

/** See the head of this file. */
export class TlsListener {
  readonly #options: TlsListenerOptions;
  readonly #bell = new Bell();
  readonly #open = new Map<string, Connection>();
  #server: Server | undefined;
  #port = 0;
  #connections = 0;
  /** What went wrong in handshakes, in order: refused certificates among them. */
  readonly handshakeErrors: string[] = [];

  private constructor(options: TlsListenerOptions) {
    this.#options = options;
  }

  /** Listens on a free port of 127.0.0.1. */
  static async open(options: TlsListenerOptions): Promise<TlsListener> {
    const listener = new TlsListener(options);
    await listener.accept();
    return listener;
  }

  get port(): number {
    return this.#port;
  }

  /** How many connections were made so far, those with failed handshakes among them. */
  get connections(): number {
    return this.#connections;
  }

  /** How many connections are open. */
  get openConnections(): number {
    return this.#open.size;
  }

  /** The connection that a socket or a part of it belongs to, while it is open. */
  find(socket: RemotePlace): Connection | undefined {
    return this.#open.get(formatPlace(socket));
  }

  /** Listens again, on the same port as before. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = this.#options.createServer({
      key: this.#options.server.privateKeyPem,
      cert: this.#options.server.certificatePem,
      ca: this.#options.clientAuthorityPem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.on("connection", (socket: Socket) => this.#add(socket));
    server.on("tlsClientError", (error: Error) => this.handshakeErrors.push(error.message));
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
  async close(describe: () => string = () => ""): Promise<void> {
    const clean = await this.waitForOpenConnections(0, LEAK_GRACE_MS).then(() => true, () => false);
    const leak = `Client leaked ${this.#open.size} connections${describe()}`;
    await this.refuse();
    if (!clean) throw new Error(leak);
  }

  #add(socket: Socket): void {
    const connection: Connection = { id: ++this.#connections, socket };
    const place = formatPlace(socket);
    this.#open.set(place, connection);
    this.#options.onConnection?.(connection);
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#open.delete(place);
      this.#options.onClose?.(connection);
      this.#bell.ring();
    });
  }
}

function formatPlace(socket: RemotePlace): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
