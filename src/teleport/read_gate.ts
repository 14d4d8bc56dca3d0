import type { Http2Session } from "node:http2";
import type { TLSSocket } from "node:tls";

/** What a session does not know of its socket, it shows as it is there. */
const GATE = Symbol("ReadGate");

/**
 * Stops reading from a connection while anyone wants that. The runtime's HTTP/2 takes whatever comes,
 * and tells the server that it may send more, whether or not anyone reads: its streams cannot be held up
 * one by one.
 */
export class ReadGate {
  readonly #socket: TLSSocket;
  #holders = 0;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  /** Gives a socket a gate, before a session is made of it. */
  static install(socket: TLSSocket): TLSSocket {
    return Object.assign(socket, { [GATE]: new ReadGate(socket) });
  }

  /** The gate of a session's connection; undefined when that is gone. */
  static of(session: Http2Session | undefined): ReadGate | undefined {
    if (session === undefined || session.destroyed) return undefined;
    return (session.socket as TLSSocket & { [GATE]?: ReadGate })[GATE];
  }

  /** Stops reading until the result is called, and all others have done so. */
  hold(): () => void {
    if (this.#holders++ === 0) this.#socket.pause();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#holders === 0 && !this.#socket.destroyed) this.#socket.resume();
    };
  }
}
