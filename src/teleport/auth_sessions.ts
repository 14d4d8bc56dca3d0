import { Code, ConnectError } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { ReadGate } from "./read_gate.ts";

/** HTTP/2 gives a connection 64 KiB in flight; more keeps it busy between two reads. */
const RECEIVE_WINDOW_BYTES = 1024 * 1024;
/** Calls that take longer on a connection that was replaced are ended; a stream is resumed then. */
const RETIREMENT_MS = 40_000;

/** How connections are made. */
export interface AuthSessionsOptions {
  readonly baseUrl: string;
  /** Makes a connection, over which TLS is spoken already; it is asked again for each one. */
  readonly openSocket: (signal: AbortSignal) => Promise<TLSSocket>;
  readonly clock: Clock;
}

/** Connections that were made with the same credentials, of which one at most takes new calls. */
interface Generation {
  readonly manager: Http2SessionManager;
  /** Calls that have begun and not ended, on whatever connection. */
  calls: number;
  /** Aborted when nothing of it is left. */
  readonly ended: AbortController;
  /** The connection that is being made, for all calls that wait for it. */
  opening: Promise<void> | undefined;
  /** A connection that was made, and is not used yet. */
  socket: TLSSocket | undefined;
}

/** Thrown within the library when it asks for a connection and none is made yet. */
class SocketNeeded extends Error {}

/**
 * The HTTP/2 connection under the calls to an auth server. When it is renewed, new calls go over a new
 * one; those under way end over the old one, which is closed after the last of them.
 */
export class AuthSessions implements Disposable {
  readonly #options: AuthSessionsOptions;
  readonly #prepared = new WeakSet<object>();
  readonly #retired = new Set<Generation>();
  #current: Generation;

  constructor(options: AuthSessionsOptions) {
    this.#options = options;
    this.#current = this.#createGeneration();
  }

  /** Sends a request over the connection that takes new calls; the first one dials. */
  async request(
    ...args: Parameters<Http2SessionManager["request"]>
  ): ReturnType<Http2SessionManager["request"]> {
    const generation = this.#current;
    generation.calls++;
    try {
      const stream = await this.#request(generation, args);
      this.#prepare(stream.session);
      stream.once("close", () => this.#endCall(generation));
      return stream;
    } catch (error) {
      this.#endCall(generation);
      throw error;
    }
  }

  /**
   * The library asks for a connection where it cannot wait for it, so that its first try fails when
   * there is none, and the second finds it made.
   */
  async #request(
    generation: Generation,
    args: Parameters<Http2SessionManager["request"]>,
  ): ReturnType<Http2SessionManager["request"]> {
    while (true) {
      try {
        return await generation.manager.request(...args);
      } catch (error) {
        if (!(error instanceof SocketNeeded)) throw error;
        generation.opening ??= this.#open(generation).finally(() => generation.opening = undefined);
        await generation.opening;
      }
    }
  }

  async #open(generation: Generation): Promise<void> {
    const socket = await this.#options.openSocket(generation.ended.signal);
    if (generation.ended.signal.aborted) socket.destroy();
    generation.ended.signal.throwIfAborted();
    generation.socket = socket;
  }

  /** Makes new connections from now on; nothing is dialled before it is needed. */
  renew(): void {
    const generation = this.#current;
    this.#current = this.#createGeneration();
    this.#retired.add(generation);
    if (generation.calls === 0) return this.#end(generation);
    this.#options.clock.sleep(RETIREMENT_MS, generation.ended.signal).then(() => {
      this.#end(
        generation,
        new ConnectError("Connection was replaced by a new one", Code.Unavailable),
      );
    }, () => {});
  }

  [Symbol.dispose](): void {
    for (const generation of [this.#current, ...this.#retired]) this.#end(generation);
  }

  #createGeneration(): Generation {
    // No pings: this runtime sends them and never hears the answers, so that each would end a sound
    // connection. Dead ones are found by their silence (grpc_transport.ts).
    const manager = new Http2SessionManager(this.#options.baseUrl, {}, {
      createConnection() {
        const { socket } = generation;
        generation.socket = undefined;
        if (socket === undefined) throw new SocketNeeded();
        return ReadGate.install(socket);
      },
      settings: { initialWindowSize: RECEIVE_WINDOW_BYTES },
    });
    const generation: Generation = {
      manager,
      calls: 0,
      ended: new AbortController(),
      opening: undefined,
      socket: undefined,
    };
    return generation;
  }

  #endCall(generation: Generation): void {
    generation.calls--;
    if (generation.calls === 0 && this.#retired.has(generation)) this.#end(generation);
  }

  #end(generation: Generation, reason?: ConnectError): void {
    this.#retired.delete(generation);
    generation.ended.abort(reason);
    generation.socket?.destroy();
    generation.manager.abort(reason);
  }

  /**
   * Widens the window of a connection, which `settings.initialWindowSize` does for streams alone, and
   * hears its errors: one that comes after the manager has let go of a broken connection would
   * otherwise end the process. The calls on that connection fail by themselves.
   */
  #prepare(session: Awaited<ReturnType<Http2SessionManager["request"]>>["session"]): void {
    if (session === undefined || this.#prepared.has(session)) return;
    this.#prepared.add(session);
    session.on("error", () => {});
    session.setLocalWindowSize(RECEIVE_WINDOW_BYTES);
  }
}
