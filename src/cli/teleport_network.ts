import type { Config } from "../config/config.ts";
import { createHttpProxyFinder } from "../core/http_proxy.ts";
import { destinationOf } from "../fluentd/destination.ts";
import type { TeleportNetwork } from "../teleport/routes/route.ts";
import { parseUpgradeOverride, UPGRADE_VARIABLE } from "../teleport/routes/upgrade_override.ts";
import { AUTHORITIES_VARIABLE, readWebAuthorities } from "../teleport/routes/web_authorities.ts";

/** What the environment says about the network between here and the peers. Nothing is judged yet. */
export function readTeleportNetwork(env: { readonly [name: string]: string }): TeleportNetwork {
  return {
    findHttpProxy: createHttpProxyFinder(env),
    findUpgradeOverride: parseUpgradeOverride(env[UPGRADE_VARIABLE] ?? ""),
    readWebAuthorities: () => readWebAuthorities(env[AUTHORITIES_VARIABLE] || undefined),
  };
}

/**
 * Makes sure that the variables for HTTP proxies are sound where they are needed.
 *
 * @throws {Fault} of kind `config`.
 */
export function requireHttpProxies(
  { fluentdSessionUrl, fluentdUrl, teleportAddr }: Pick<
    Config,
    "fluentdSessionUrl" | "fluentdUrl" | "teleportAddr"
  >,
  { findHttpProxy }: Pick<TeleportNetwork, "findHttpProxy">,
): void {
  findHttpProxy({ protocol: "https:", ...teleportAddr });
  for (const url of [fluentdUrl, fluentdSessionUrl]) findHttpProxy(destinationOf(url));
}
