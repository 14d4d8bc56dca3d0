import type { TLSSocket } from "node:tls";
import type { Clock } from "../../core/clock.ts";
import { Fault } from "../../core/fault.ts";
import type { Endpoint } from "../../tls/connect_problem.ts";
import { probeTls } from "../../tls/tls_probe.ts";
import { AUTH_SERVER_NAME } from "../server_identity.ts";
import { clustersOf, isRoutable } from "./cluster_protocol.ts";
import { openRoute, type OpenRouteOptions } from "./open_route.ts";
import { describeWay, type Route, type RouteKind } from "./route.ts";
import { explainFault, explainRouteFailure, type RouteProblem } from "./route_problem.ts";
import { limitTime } from "./time_limit.ts";
import { askProxy, type ProxyFacts } from "./web_ping.ts";

/** A way that works, with the connection that has proved it. */
export interface FoundRoute {
  readonly route: Route;
  readonly socket: TLSSocket;
}

/** What was tried, and what it answered. */
export interface Attempt {
  readonly what: string;
  readonly problem: RouteProblem;
  /** A Teleport proxy has answered there. @default {false} */
  readonly isOfProxy?: boolean;
}

/** What searching takes. */
export interface SearchRouteOptions extends OpenRouteOptions {
  readonly clock: Clock;
  /** Longest time for one attempt, in milliseconds. */
  readonly attemptMs: number;
}

/** A search that is tried one way after the other, until one works or none is left. */
interface Search extends SearchRouteOptions {
  readonly endpoint: Endpoint;
  readonly attempts: Attempt[];
  readonly signal: AbortSignal;
}

/**
 * Finds the way to the auth service behind an address: directly, by TLS routing, by connection upgrade,
 * in this order, which is that of their costs. Gives what was tried when none of them works.
 *
 * @throws `signal.reason`. @throws {Fault} of kind `config`.
 */
export async function searchRoute(
  endpoint: Endpoint,
  options: SearchRouteOptions,
  signal: AbortSignal,
): Promise<FoundRoute | readonly Attempt[]> {
  const search: Search = { ...options, endpoint, attempts: [], signal };
  const mayUpgrade = options.network.findUpgradeOverride(endpoint);
  const [cluster, ...others] = clustersOf(options.credentials.authorities).filter(isRoutable);
  if (mayUpgrade !== true) {
    const found = await attempt(search, "direct", cluster ?? "") ??
      (await isSettled(search) || cluster === undefined
        ? undefined
        : await attempt(search, "tls-routing", cluster));
    if (found !== undefined) return found;
    if (search.attempts.at(-1)?.problem.isFinal === true) return search.attempts;
  }
  const proxy = await ask(search);
  if (proxy !== undefined) {
    noteForeignProxy(search, proxy, [cluster, ...others]);
    if (mayUpgrade !== true && proxy.cluster !== cluster && isRoutable(proxy.cluster)) {
      const found = await attempt(search, "tls-routing", proxy.cluster);
      if (found !== undefined) return found;
    }
  }
  const upgraded = cluster ?? proxy?.cluster;
  if (
    (proxy !== undefined || mayUpgrade === true) && mayUpgrade !== false && upgraded !== undefined
  ) {
    const found = await attempt(search, "connection-upgrade", upgraded);
    if (found !== undefined) return found;
  }
  return search.attempts;
}

/** Tries one way. */
async function attempt(
  search: Search,
  kind: RouteKind,
  cluster: string,
): Promise<FoundRoute | undefined> {
  const { attempts, endpoint: { host, port }, network } = search;
  const httpProxy = network.findHttpProxy({ protocol: "https:", host, port });
  const route: Route = { kind, host, port, cluster, httpProxy };
  using limit = limitTime(search);
  try {
    return { route, socket: await openRoute(route, search, limit.signal) };
  } catch (error) {
    search.signal.throwIfAborted();
    const problem = explainRouteFailure(error, route);
    const isOfProxy = kind === "connection-upgrade";
    attempts.push({ what: describeWay(kind), problem, isOfProxy });
    return undefined;
  }
}

/**
 * Whether the direct way has failed for a reason that no other way changes. The runtime does not say
 * whose certificate it is that it does not trust: that of an auth server of another cluster, or a web
 * certificate, behind which a proxy may be.
 */
async function isSettled(search: Search): Promise<boolean> {
  const { attempts, credentials: { authorities }, endpoint, network } = search;
  const last = attempts.at(-1)!;
  if (last.problem.isFinal) return true;
  if (!/not signed by the cluster/.test(last.problem.text)) return false;
  using limit = limitTime(search);
  const httpProxy = network.findHttpProxy({ protocol: "https:", ...endpoint });
  const peer = await probeTls({
    ...endpoint,
    serverName: AUTH_SERVER_NAME,
    protocols: ["h2"],
    authorities,
    httpProxy,
  }, limit.signal);
  search.signal.throwIfAborted();
  const isAuthServer = peer.kind === "certificate" &&
    peer.certificate.checkHost(AUTH_SERVER_NAME) !== undefined;
  if (isAuthServer) {
    attempts.splice(-1, 1, { ...last, problem: { ...last.problem, isFinal: true } });
  }
  return isAuthServer;
}

async function ask(search: Search): Promise<ProxyFacts | undefined> {
  using limit = limitTime(search);
  const answer = await askProxy(search.endpoint, search.network, limit.signal)
    .catch((error: unknown) => {
      // A file of authorities that is being replaced must not end a run.
      if (error instanceof Fault) return explainFault(error);
      throw error;
    });
  search.signal.throwIfAborted();
  if ("cluster" in answer) return answer;
  search.attempts.push({ what: "as a proxy", problem: answer });
  return undefined;
}

/** Nothing can be read from another cluster; but a cluster may have been given another name. */
function noteForeignProxy(
  search: Search,
  { cluster }: ProxyFacts,
  own: readonly (string | undefined)[],
): void {
  if (own.includes(cluster) || own[0] === undefined) return;
  const problem = {
    text:
      `the proxy is of the cluster ${JSON.stringify(cluster.slice(0, 100))}, and the credentials ` +
      `are of ${JSON.stringify(own[0])}`,
    hint: "Use the address of a proxy of that cluster, or credentials that were signed by this one",
    isLasting: true,
    isFinal: false,
  };
  search.attempts.push({ what: "as a proxy", problem, isOfProxy: true });
}
