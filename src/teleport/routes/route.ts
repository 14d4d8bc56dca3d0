import type { FindHttpProxy, HttpProxy } from "../../core/http_proxy.ts";
import type { Endpoint } from "../../tls/connect_problem.ts";

/**
 * How the auth service is reached:
 *
 * - `direct`: the address is that of an auth server.
 * - `tls-routing`: it is that of a proxy, which passes TLS on by the protocol that is asked for.
 * - `connection-upgrade`: the same, inside a WebSocket, as something before the proxy ends TLS.
 */
export type RouteKind = "direct" | "tls-routing" | "connection-upgrade";

/** A way to the auth service, as a value; `openRoute()` goes it. */
export interface Route extends Endpoint {
  readonly kind: RouteKind;
  /** Cluster whose auth service a proxy is asked for; of no meaning when direct. */
  readonly cluster: string;
  /** The HTTP proxy that is asked for the connection to host and port. */
  readonly httpProxy: HttpProxy | undefined;
}

/** What is known of the network, whatever the credentials. */
export interface TeleportNetwork {
  /** Says by which HTTP proxy an address is reached. */
  readonly findHttpProxy: FindHttpProxy;
  /** Whether the connection upgrade is to be used for an address; undefined lets it be found out. */
  readonly findUpgradeOverride: (endpoint: Endpoint) => boolean | undefined;
  /** Reads the authorities that sign web certificates, besides those that the runtime knows. */
  readonly readWebAuthorities: () => Promise<readonly string[]>;
}

/** A network without HTTP proxies and authorities of its own. */
export const PLAIN_NETWORK: TeleportNetwork = {
  findHttpProxy: () => undefined,
  findUpgradeOverride: () => undefined,
  readWebAuthorities: () => Promise.resolve([]),
};

const WORDS: { readonly [kind in RouteKind]: string } = {
  "direct": "directly",
  "tls-routing": "by TLS routing of the proxy",
  "connection-upgrade": "by connection upgrade of the proxy",
};

/** The way in words: "by TLS routing of the proxy". */
export function describeWay(kind: RouteKind): string {
  return WORDS[kind];
}

/** The whole of it: "by TLS routing of the proxy at teleport.example.com:443". */
export function describeRoute(route: Route): string {
  const { host, httpProxy, kind, port } = route;
  const at = `at ${host.includes(":") ? `[${host}]` : host}:${port}`;
  const through = httpProxy === undefined ? "" : `, through the HTTP proxy ${httpProxy.label}`;
  return `${describeWay(kind)} ${at}${through}`;
}

/** Whether two values are the same way. */
export function isSameRoute(one: Route | undefined, other: Route): boolean {
  return one !== undefined && describeRoute(one) === describeRoute(other);
}
