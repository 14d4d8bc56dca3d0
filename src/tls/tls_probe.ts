import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { formatError } from "../core/fault.ts";
import { type PlainAnswer, probePlain } from "./plain_probe.ts";
import type { Endpoint } from "./tcp_probe.ts";

/** Whom to ask, and what to show. */
export interface TlsProbeOptions extends Endpoint {
  /** Name to ask for; a server may choose its certificate by it. @default {the host} */
  readonly serverName?: string | undefined;
  /** Protocols to offer. @default {none} */
  readonly protocols?: readonly string[];
  /** Authorities to judge by, PEM; the well-known ones when empty. */
  readonly authorities: readonly string[];
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
    /** What the server proved itself with. */
    readonly certificate: X509Certificate;
    /** Why the runtime would not trust it; undefined when it would. */
    readonly distrust: string | undefined;
    /** What was agreed upon of the protocols offered. */
    readonly protocol: string | undefined;
    /** The alert that came after the handshake, where that was waited for. */
    readonly rejection: string | undefined;
  }
  /** It speaks TLS and refused us before it showed its certificate. */
  | { readonly kind: "refused"; readonly text: string }
  /** It does not speak TLS. */
  | { readonly kind: "plain"; readonly answer: PlainAnswer; readonly text: string }
  | { readonly kind: "silent" };

/**
 * Makes a TLS handshake to see the server's certificate, which is not trusted for anything: the
 * connection is closed at once. The name in the certificate is not looked at. Never throws.
 */
export async function probeTls(options: TlsProbeOptions, signal: AbortSignal): Promise<TlsProbe> {
  const result = await shakeHands(options, signal);
  if (result.kind !== "refused" || /fatal alert/i.test(result.text)) return result;
  if (signal.aborted) return { kind: "silent" };
  const answer = await probePlain(options, signal);
  const isPlain = ["http", "ssh", "something"].includes(answer) ||
    /InvalidContentType|corrupt message|WRONG_VERSION/i.test(result.text);
  return isPlain ? { kind: "plain", answer, text: result.text } : result;
}

function shakeHands(options: TlsProbeOptions, signal: AbortSignal): Promise<TlsProbe> {
  const { authorities, client, host, port, protocols, serverName } = options;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(protocols === undefined ? {} : { ALPNProtocols: [...protocols] }),
      ...(authorities.length === 0 ? {} : { ca: [...authorities] }),
      ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
      minVersion: "TLSv1.2",
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    let seen: (TlsProbe & { kind: "certificate" }) | undefined;
    const finish = (result: TlsProbe) => {
      signal.removeEventListener("abort", giveUp);
      resolve(result);
      socket.destroy();
    };
    const end = (text: string) =>
      finish(seen === undefined ? { kind: "refused", text } : { ...seen, rejection: text });
    const giveUp = () => finish(seen ?? { kind: "silent" });
    signal.addEventListener("abort", giveUp, { once: true });
    // The listener stays for errors that come after the end.
    socket.on("error", (error) => end(formatError(error)));
    socket.on("close", () => end("the connection was closed"));
    socket.once("secureConnect", () => {
      const { raw } = socket.getPeerCertificate();
      if (raw === undefined) return end("no certificate was shown");
      const distrust: unknown = socket.authorized ? undefined : socket.authorizationError;
      seen = {
        kind: "certificate",
        certificate: new X509Certificate(raw),
        distrust: distrust === undefined ? undefined : formatError(distrust),
        protocol: socket.alpnProtocol || undefined,
        rejection: undefined,
      };
      if (options.lingers !== true) return finish(seen);
      socket.once("data", () => finish(seen!));
    });
  });
}
