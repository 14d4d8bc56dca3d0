import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { formatError } from "../core/fault.ts";
import type { HttpProxy } from "../core/http_proxy.ts";
import { HttpProxyError, openHttpTunnel } from "./http_tunnel.ts";
import { type PlainAnswer, probePlain } from "./plain_probe.ts";
import {
  type ConnectProblem,
  describeConnectProblem,
  describeSilence,
  type Endpoint,
} from "./connect_problem.ts";

/** Longest wait for the server to close its side as well. */
const FAREWELL_MS = 500;

/** Whom to ask, and what to show. */
export interface TlsProbeOptions extends Endpoint {
  /** Name to ask for; a server may choose its certificate by it. @default {the host} */
  readonly serverName?: string | undefined;
  /** Protocols to offer. @default {none} */
  readonly protocols?: readonly string[];
  /** Authorities to judge by, PEM; the well-known ones when empty. */
  readonly authorities: readonly string[];
  /** The HTTP proxy that is asked for the connection. @default {none} */
  readonly httpProxy?: HttpProxy | undefined;
  /** Our own certificate. */
  readonly client?: { readonly certificate: string; readonly key: string } | undefined;
  /**
   * Waits after the handshake for the server's first word: only then does a server of TLS 1.3 say
   * what it thinks of our certificate. @default {false}
   */
  readonly lingers?: boolean;
}

/** What a port answered to a TLS handshake. */
export type TlsProbe =
  | {
    readonly kind: "certificate";
    /** The address behind the name. */
    readonly address: string;
    /** What the server proved itself with. */
    readonly certificate: X509Certificate;
    /** Why the runtime would not trust it; undefined when it would. */
    readonly distrust: string | undefined;
    /** What was agreed upon of the protocols offered. */
    readonly protocol: string | undefined;
    /** The alert that came after the handshake, where that was waited for. */
    readonly rejection: string | undefined;
  }
  /** There is no connection to speak over. */
  | { readonly kind: "unconnected"; readonly problem: ConnectProblem }
  /** It speaks TLS and refused us before it showed its certificate. */
  | { readonly kind: "refused"; readonly text: string }
  /** It does not speak TLS. */
  | { readonly kind: "plain"; readonly answer: PlainAnswer; readonly text: string }
  | { readonly kind: "silent" };

/**
 * Makes a TLS handshake to see the server's certificate, which is not trusted for anything, and ends
 * the connection in good order. The name in the certificate is not looked at. Never throws.
 *
 * There is no try of the bare port before: Fluentd 1.12 ends over a connection to its TLS port that is
 * closed without a handshake (`getpeername`, Errno::ENOTCONN).
 */
export async function probeTls(options: TlsProbeOptions, signal: AbortSignal): Promise<TlsProbe> {
  let tunnel: Socket | undefined;
  try {
    tunnel = options.httpProxy && await openHttpTunnel(options.httpProxy, options, signal);
  } catch (error) {
    if (!(error instanceof HttpProxyError)) throw error;
    const { advice, message: text } = error;
    return { kind: "unconnected", problem: { kind: "failed", text: capitalize(text), advice } };
  }
  const result = await shakeHands({ ...options, tunnel }, signal);
  // What is asked in plain goes there without a proxy.
  if (tunnel !== undefined) return result;
  if (result.kind !== "refused" || /fatal alert/i.test(result.text)) return result;
  if (signal.aborted) return { kind: "silent" };
  const answer = await probePlain(options, signal);
  if (typeof answer !== "string") return result;
  const isPlain = ["http", "ssh", "something"].includes(answer) ||
    /InvalidContentType|corrupt message|WRONG_VERSION/i.test(result.text);
  return isPlain ? { kind: "plain", answer, text: result.text } : result;
}

/** The same, perhaps over a connection that is there already. */
type HandshakeOptions = TlsProbeOptions & { readonly tunnel: Socket | undefined };

function shakeHands(options: HandshakeOptions, signal: AbortSignal): Promise<TlsProbe> {
  return new Promise((resolve) => {
    const socket = openSocket(options);
    let connected = options.tunnel !== undefined;
    let ending = false;
    let seen: (TlsProbe & { kind: "certificate" }) | undefined;
    const finish = (result: TlsProbe) => {
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      resolve(result);
    };
    const fail = (text: string) => {
      if (seen !== undefined) return finish(ending ? seen : { ...seen, rejection: text });
      finish(
        connected
          ? { kind: "refused", text }
          : { kind: "unconnected", problem: describeConnectProblem(options, text) },
      );
    };
    const giveUp = () => {
      if (seen !== undefined || connected) return finish(seen ?? { kind: "silent" });
      finish({ kind: "unconnected", problem: describeSilence(options) });
    };
    const endInGoodOrder = () => {
      ending = true;
      socket.end();
      AbortSignal.timeout(FAREWELL_MS).addEventListener("abort", () => finish(seen!));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("connect", () => connected = true);
    // The listener stays for errors that come after the end.
    socket.on("error", (error) => fail(formatError(error)));
    socket.on("close", () => fail("the connection was closed"));
    socket.once("secureConnect", () => {
      const { raw } = socket.getPeerCertificate();
      if (raw === undefined) return fail("no certificate was shown");
      seen = describePeer(socket, raw);
      if (options.lingers !== true) return endInGoodOrder();
      socket.once("data", endInGoodOrder);
    });
  });
}

function openSocket(options: HandshakeOptions): TLSSocket {
  const { authorities, client, host, port, protocols, serverName, tunnel } = options;
  return connect({
    host,
    ...(tunnel === undefined ? { port } : { socket: tunnel }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
    ...(authorities.length === 0 ? {} : { ca: [...authorities] }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    minVersion: "TLSv1.2",
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function describePeer(socket: TLSSocket, raw: Uint8Array): TlsProbe & { kind: "certificate" } {
  const distrust: unknown = socket.authorized ? undefined : socket.authorizationError;
  return {
    kind: "certificate",
    address: socket.remoteAddress ?? "",
    certificate: new X509Certificate(raw),
    distrust: distrust === undefined ? undefined : formatError(distrust),
    protocol: socket.alpnProtocol || undefined,
    rejection: undefined,
  };
}
