import type { Destination } from "../core/http_proxy.ts";

/** Where a URL leads to, an IPv6 address without brackets. */
export function destinationOf(url: string): Destination {
  const { hostname, port, protocol } = new URL(url);
  return {
    protocol: protocol === "https:" ? "https:" : "http:",
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port || (protocol === "https:" ? 443 : 80)),
  };
}
