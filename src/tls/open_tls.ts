import { isIP, type Socket } from "node:net";
import {
  checkServerIdentity,
  connect,
  type ConnectionOptions,
  type PeerCertificate,
  type TLSSocket,
} from "node:tls";
import { formatError } from "../core/fault.ts";
import type { Endpoint } from "./connect_problem.ts";

/** Whom to shake hands with, and by what to judge. */
export interface TlsOptions extends Endpoint {
  /** A connection that is there already, in place of a new one. */
  readonly socket?: Socket | undefined;
  /** Name to ask for. @default {the host} */
  readonly serverName?: string;
  /** Protocols to offer, the best one first. */
  readonly protocols: readonly string[];
  /** Authorities to trust besides those that the runtime knows, PEM. */
  readonly authorities: readonly string[];
  /** Our own certificate. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** Judges the server's certificate, whose chain is trusted. @default {the name must fit} */
  readonly checkServer?: (name: string, peer: PeerCertificate) => Error | undefined;
}

/** A connection that did not come about. */
export class TlsFailure extends Error {
  /** Whether there was a connection to shake hands over. */
  readonly wasConnected: boolean;

  constructor(cause: unknown, wasConnected: boolean) {
    super(formatError(cause), { cause });
    this.name = "TlsFailure";
    this.wasConnected = wasConnected;
  }
}

/** Longest wait for a server that is not trusted to close its side as well. */
const FAREWELL_MS = 500;

/**
 * Makes a TLS connection, and gives it when the server has proved itself. A server of TLS 1.3 judges our
 * own certificate after that: its word comes as an error of the socket.
 *
 * A server that has not proved itself is left in good order: the runtime would break the connection, and
 * Fluentd 1.12, whose address may have been given by mistake, ends over that.
 *
 * @throws {TlsFailure} also when the signal is aborted, with its reason as the cause.
 */
export function openTls(options: TlsOptions, signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new TlsFailure(signal.reason, false));
    let problem: Error | undefined;
    const judge = options.checkServer ?? checkServerIdentity;
    const socket = connect({
      ...toConnectionOptions(options),
      rejectUnauthorized: false,
      checkServerIdentity: (name, peer) => problem = judge(name, peer),
    });
    let wasConnected = options.socket !== undefined;
    const end = (act: () => void) => {
      signal.removeEventListener("abort", abort);
      socket.off("error", fail).off("close", close);
      act();
    };
    const fail = (error: unknown) => {
      end(() => {
        socket.destroy();
        reject(new TlsFailure(error, wasConnected));
      });
    };
    const close = () => fail(new Error("The connection was closed"));
    const abort = () => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    socket.once("connect", () => wasConnected = true);
    socket.on("error", fail).on("close", close);
    // Stays: nobody else may listen yet when an error comes.
    socket.on("error", () => {});
    socket.once("secureConnect", () => {
      if (socket.authorized === true) return end(() => resolve(socket));
      end(() => {
        leave(socket);
        // The runtime keeps the name of the problem alone.
        reject(new TlsFailure(problem ?? new Error(String(socket.authorizationError)), true));
      });
    });
  });
}

function toConnectionOptions(options: TlsOptions): ConnectionOptions {
  const { authorities, client, host, port, protocols, serverName, socket } = options;
  return {
    ...(socket === undefined ? { host, port } : { socket, host }),
    // An address is no name to ask for, but what the certificate is judged by.
    ...(serverName === undefined && isIP(host) !== 0 ? {} : { servername: serverName ?? host }),
    ALPNProtocols: [...protocols],
    ...(authorities.length === 0 ? {} : { ca: [...authorities] }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    minVersion: "TLSv1.2",
  };
}

/** Ends a connection that is of no use, and waits for a moment until the server has noticed. */
function leave(socket: TLSSocket): void {
  AbortSignal.timeout(FAREWELL_MS).addEventListener("abort", () => socket.destroy());
  socket.end();
}
