import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { formatError } from "../../core/fault.ts";
import { quotePeer } from "../../core/quote_peer.ts";
import type { Endpoint } from "../../tls/connect_problem.ts";
import { type HttpHead, readHttpHead } from "../../tls/http_head.ts";
import { openTls, TlsFailure } from "../../tls/open_tls.ts";
import { findWebCertificateCause } from "./web_certificate_cause.ts";
import { WebSocketStream } from "./web_socket_stream.ts";

/** Where to ask for an upgrade. */
export interface ConnectionUpgradeOptions extends Endpoint {
  /** A connection that is there already, in place of a new one. */
  readonly socket?: Socket | undefined;
  /** Authorities of web certificates besides those that the runtime knows, PEM. */
  readonly authorities: readonly string[];
}

/** Why a proxy did not upgrade a connection. */
export class UpgradeError extends Error {
  readonly advice: string;

  constructor(message: string, advice: string) {
    super(message);
    this.name = "UpgradeError";
    this.advice = advice;
  }
}

/** Its pings keep a connection alive that a load balancer would close as idle. */
const SUB_PROTOCOL = "alpn-ping";
const SUB_PROTOCOLS = [SUB_PROTOCOL, "alpn"];
/** A constant of the WebSocket protocol (RFC 6455, section 1.3). */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const ADVICE: { readonly [status: number]: string } = {
  400: "Something before the proxy takes the WebSocket's headers away; let it pass WebSockets on",
  403: "Something before the proxy forbids WebSockets at /webapi/connectionupgrade",
  404: "The proxy is too old for it, or it is no Teleport proxy",
  426: "Something before the proxy takes the WebSocket's headers away; let it pass WebSockets on",
  429: "The proxy or what is before it asks for patience",
  502: "The load balancer does not reach the proxy",
  503: "The load balancer does not reach the proxy",
  504: "The load balancer does not reach the proxy",
};

/**
 * Asks a proxy to upgrade a web connection, which load balancers let pass, to a connection to its own
 * TLS routing (api/client/alpn_conn_upgrade.go). The web certificate must be trusted.
 *
 * @throws {UpgradeError} @throws {TlsFailure} also when the signal is aborted.
 */
export async function openConnectionUpgrade(
  { authorities, host, port, socket: below }: ConnectionUpgradeOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  const socket = await openWeb({ host, port, socket: below, authorities }, signal);
  try {
    const key = randomBytes(16).toString("base64");
    socket.write(formatRequest({ host, port }, key));
    const head = await readHead(socket, signal);
    requireUpgrade(head, key);
    return new WebSocketStream(socket, head.rest);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function openWeb(
  options: ConnectionUpgradeOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  try {
    return await openTls({ ...options, protocols: ["http/1.1"] }, signal);
  } catch (error) {
    if (!(error instanceof TlsFailure) || !error.wasConnected) throw error;
    const cause = findWebCertificateCause(formatError(error.cause));
    if (cause === undefined) throw error;
    throw new UpgradeError(cause.text, cause.hint);
  }
}

function formatRequest({ host, port }: Endpoint, key: string): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return [
    "GET /webapi/connectionupgrade HTTP/1.1",
    `Host: ${port === 443 ? name : `${name}:${port}`}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    `X-Teleport-Upgrade: ${SUB_PROTOCOL}`,
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${SUB_PROTOCOL}`,
    `Sec-WebSocket-Key: ${key}`,
    "\r\n",
  ].join("\r\n");
}

async function readHead(socket: TLSSocket, signal: AbortSignal): Promise<HttpHead> {
  try {
    return await readHttpHead(socket, signal);
  } catch (error) {
    throw new UpgradeError(
      `No answer to the upgrade: ${formatError(error)}`,
      "Something before the proxy closes WebSockets; let it pass them on",
    );
  }
}

function requireUpgrade({ headers, reason, status }: HttpHead, key: string): void {
  if (status !== 101) {
    const words = quotePeer(reason);
    throw new UpgradeError(
      `The upgrade was answered with HTTP ${status}${words === "" ? "" : ` ${words}`}`,
      ADVICE[status] ?? "teleport.addr must be the address of an auth server or a Teleport proxy",
    );
  }
  const accept = createHash("sha1").update(key + ACCEPT_SUFFIX).digest("base64");
  if (
    headers.get("upgrade")?.toLowerCase() !== "websocket" ||
    headers.get("sec-websocket-accept") !== accept ||
    !SUB_PROTOCOLS.includes(headers.get("sec-websocket-protocol") ?? "")
  ) {
    throw new UpgradeError(
      "The upgrade was answered, but not as a Teleport proxy does",
      "The proxy is too old for it, or something before it changes the WebSocket's headers",
    );
  }
}
