/**
 * A listener with mutual TLS that knows what is open: connections can be cut, refused and counted.
 * Closing it fails when a client left something open. Both fake peers stand on it.
 */
import net, { type AddressInfo, type Server, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { Bell } from "./bell.ts";
import { findFreePort } from "./free_port.ts";
import { ALERT_INTERNAL_ERROR, readClientHello, resumesSession } from "./client_hello.ts";

/** How to listen. */
export interface TlsListenerOptions {
  /** Certificate and key that the server presents. */
  readonly server: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** The only authority whose clients are let in. */
  readonly clientAuthorityPem: string;
  /** Makes the server that speaks the protocol above TLS; called again after each `refuse`. */
  readonly createServer: (options: TlsOptions) => Server;
  /**
   * Refuses clients that resume a TLS session, with the alert that Fluentd sends: it gives out
   * tickets and takes none back. @default {false}
   */
  readonly refuseResumption?: boolean;
  /** Told when a TCP connection was made and when it is gone. */
  readonly onConnection?: (connection: Connection) => void;
  readonly onClose?: (connection: Connection) => void;
}

/** One connection. */
export interface Connection {
  /** From 1, in the order of their coming. */
  readonly id: number;
  /** The TCP connection to the client, below TLS. */
  readonly socket: Socket;
}

/** Either end of what identifies a connection; request sockets and sessions have it too. */
interface RemotePlace {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Time that a client's closing may need to come through, before it counts as a leak. */
const LEAK_GRACE_MS = 5000;

/** After so long an end that has not closed will not close by itself. */
const STUCK_MS = 1000;

/** See the head of this file. */
export class TlsListener {
  readonly #options: TlsListenerOptions;
  readonly #bell = new Bell();
  readonly #open = new Set<Connection>();
  /** Connections by the place from which the TLS server sees them come. */
  readonly #places = new Map<string, Connection>();
  /** The other ends of what the front passes on. One that holds unread bytes does not hear its end. */
  readonly #inner = new Set<Socket>();
  #servers: readonly Server[] = [];
  readonly #port = findFreePort();
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
    return this.#places.get(formatPlace(socket));
  }

  /** Listens again, on the same port as before. */
  async accept(): Promise<void> {
    if (this.#servers.length > 0) return;
    const server = this.#options.createServer({
      key: this.#options.server.privateKeyPem,
      cert: this.#options.server.certificatePem,
      ca: this.#options.clientAuthorityPem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.on("tlsClientError", (error: Error) => this.handshakeErrors.push(error.message));
    server.on("connection", (socket: Socket) => {
      this.#inner.add(socket);
      socket.on("close", () => this.#inner.delete(socket));
    });
    // The sockets of clients are held in front of the TLS server, where resetting one is safe: the
    // runtime panics over a reset below a TLS session that is in use.
    const innerPort = await listen(server, 0);
    const front = net.createServer((socket) => this.#admit(this.#add(socket), innerPort));
    await listen(front, this.#port);
    this.#servers = [front, server];
  }

  /** Stops listening and resets every connection: the next attempts find nobody. */
  async refuse(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    const closed = servers.map((server) =>
      new Promise<void>((resolve) => server.close(() => resolve()))
    );
    this.drop();
    // To destroy a socket below a TLS session in use may end the runtime: only what is stuck is.
    const timer = setTimeout(() => {
      for (const socket of this.#inner) socket.destroy();
    }, STUCK_MS);
    await Promise.all(closed);
    clearTimeout(timer);
  }

  /** Resets every connection, as a broken network does. */
  drop(): void {
    for (const { socket } of this.#open) socket.resetAndDestroy();
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

  #add(socket: Socket): Connection {
    const connection: Connection = { id: ++this.#connections, socket };
    this.#open.add(connection);
    this.#options.onConnection?.(connection);
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#open.delete(connection);
      this.#options.onClose?.(connection);
      this.#bell.ring();
    });
    return connection;
  }

  #place(connection: Connection, remote: RemotePlace): void {
    const place = formatPlace(remote);
    this.#places.set(place, connection);
    connection.socket.on("close", () => this.#places.delete(place));
  }

  /** Passes a client on to the TLS server, unless it wants to resume a session and may not. */
  async #admit(connection: Connection, innerPort: number): Promise<void> {
    const { socket } = connection;
    const hello = await readClientHello(socket);
    if (hello === undefined) return;
    if (this.#options.refuseResumption === true && resumesSession(hello)) {
      this.handshakeErrors.push("session id context uninitialized");
      socket.end(ALERT_INTERNAL_ERROR);
      return;
    }
    const inner = net.connect(innerPort, "127.0.0.1");
    inner.on("error", () => {});
    inner.on("close", () => socket.destroy());
    socket.on("close", () => inner.destroy());
    inner.on("connect", () => {
      this.#place(connection, { remoteAddress: inner.localAddress, remotePort: inner.localPort });
      for (const end of [inner, socket]) end.setNoDelay(true);
      inner.write(hello);
      inner.pipe(socket);
      socket.pipe(inner);
    });
  }
}

/** Listens on 127.0.0.1 and returns the port. */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

function formatPlace(socket: RemotePlace): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}
