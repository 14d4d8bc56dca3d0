/** Where a proxy listens by default behind a load balancer, and alone; where an auth server does. */
const PROXY_PORTS = [443, 3080];
const AUTH_PORT = 3025;

/**
 * The ports to try at a host for which none is given, the likeliest first: an auth server is asked for
 * by its own name, by an address, or on the same machine; all other names are those of proxies.
 */
export function candidatePorts(host: string): readonly number[] {
  const isAddress = host.includes(":") || /^[\d.]+$/.test(host);
  const [label = ""] = host.toLowerCase().split(".");
  const isAuth = isAddress || label === "localhost" || /(^|-)auth(-|\d|$)/.test(label);
  return isAuth ? [AUTH_PORT, ...PROXY_PORTS] : [...PROXY_PORTS, AUTH_PORT];
}
