/** The HTTP/2 side of a fake server: what `TlsListener` knows, and sessions and streams besides. */
import http2 from "node:http2";
import { TlsListener, type TlsListenerOptions } from "./tls_listener.ts";

/** Handles one request; the signature of connect's node adapter. */
export type RequestHandler = (
  request: http2.Http2ServerRequest,
  response: http2.Http2ServerResponse,
) => void;

/** How to listen. */
export interface Http2ListenerOptions
  extends Pick<TlsListenerOptions, "server" | "clientAuthorityPem"> {
  readonly onRequest: RequestHandler;
}

/** See the head of this file. */
export class Http2Listener {
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  #openStreams = 0;
  #tls!: TlsListener;

  private constructor() {}

  /** Listens on a free port of 127.0.0.1. */
  static async open(options: Http2ListenerOptions): Promise<Http2Listener> {
    const listener = new Http2Listener();
    listener.#tls = await TlsListener.open({
      ...options,
      createServer: (tlsOptions) =>
        listener.#watch(
          http2.createSecureServer({ ...tlsOptions, ALPNProtocols: ["h2"] }, options.onRequest),
        ),
    });
    return listener;
  }

  /** Ports, connections, refusing and dropping. */
  get tls(): TlsListener {
    return this.#tls;
  }

  /** How many requests are not finished. */
  get openStreams(): number {
    return this.#openStreams;
  }

  /** Number of the connection that a request came over, from 1. */
  connectionId(request: http2.Http2ServerRequest): number {
    const { session } = request.stream;
    return session === undefined ? 0 : this.#tls.find(session.socket)?.id ?? 0;
  }

  /** Resets the connection that a request came over. */
  dropConnection(request: http2.Http2ServerRequest): void {
    const { session } = request.stream;
    if (session !== undefined) this.#tls.find(session.socket)?.socket.resetAndDestroy();
  }

  /** Tells every client to make a new connection for its next call (GOAWAY). */
  goAway(): void {
    for (const session of this.#sessions) session.goaway(0);
  }

  /**
   * Closes the listener.
   *
   * @throws When a client left a connection open.
   */
  async close(): Promise<void> {
    await this.#tls.close(() => ` with ${this.#openStreams} open streams`);
  }

  #watch(server: http2.Http2SecureServer): http2.Http2SecureServer {
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("error", () => {});
      session.on("close", () => this.#sessions.delete(session));
    });
    server.on("stream", (stream) => {
      this.#openStreams++;
      stream.on("error", () => {});
      stream.on("close", () => this.#openStreams--);
    });
    server.on("sessionError", () => {});
    return server;
  }
}
