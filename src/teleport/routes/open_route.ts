import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { openHttpTunnel } from "../../tls/http_tunnel.ts";
import { knock } from "../../tls/knock.ts";
import { bridgeToSocket } from "../../tls/loopback_bridge.ts";
import { openTls } from "../../tls/open_tls.ts";
import type { TeleportKeyMaterial } from "../identity_file.ts";
import { joinWrites } from "../join_writes.ts";
import { AUTH_SERVER_NAME, checkAuthServer } from "../server_identity.ts";
import { alpnProtocolFor } from "./cluster_protocol.ts";
import { openConnectionUpgrade } from "./connection_upgrade.ts";
import type { Route, TeleportNetwork } from "./route.ts";

/** What going a way takes. */
export interface OpenRouteOptions {
  readonly credentials: TeleportKeyMaterial;
  readonly network: TeleportNetwork;
  /** Looks first whether anybody listens, which costs less where nobody does. @default {false} */
  readonly knocksFirst?: boolean;
}

/**
 * Goes a way to the auth service, and gives the connection to it when the service has proved itself
 * with a certificate of the cluster's own authorities. Names are resolved anew each time.
 *
 * @throws {TlsFailure} @throws {HttpProxyError} @throws {UpgradeError} also when the signal is aborted.
 */
export async function openRoute(
  route: Route,
  options: OpenRouteOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { host, httpProxy, kind, port } = route;
  const { authorities, certificate, key } = options.credentials;
  if (options.knocksFirst === true && httpProxy === undefined) await knock(route, signal);
  const below = await openBelow(route, options, signal);
  try {
    const socket = await openTls({
      host,
      port,
      socket: below,
      serverName: AUTH_SERVER_NAME,
      protocols: kind === "direct" ? ["h2"] : [alpnProtocolFor(route.cluster), "h2"],
      authorities,
      client: { certificate, key },
      checkServer: (name, peer) => checkAuthServer(name, peer, authorities),
    }, signal);
    joinWrites(socket);
    return socket;
  } catch (error) {
    below?.destroy();
    throw error;
  }
}

/** What the TLS connection to the auth service runs over; undefined for one of its own. */
async function openBelow(
  route: Route,
  { network }: OpenRouteOptions,
  signal: AbortSignal,
): Promise<Socket | undefined> {
  const { httpProxy, kind } = route;
  const tunnel = httpProxy === undefined
    ? undefined
    : await openHttpTunnel(httpProxy, route, signal);
  if (kind !== "connection-upgrade") return tunnel;
  const authorities = await network.readWebAuthorities();
  try {
    const stream = await openConnectionUpgrade({ ...route, socket: tunnel, authorities }, signal);
    return await bridgeToSocket(stream);
  } catch (error) {
    tunnel?.destroy();
    throw error;
  }
}
