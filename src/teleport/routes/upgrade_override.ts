import type { Endpoint } from "../../tls/connect_problem.ts";

/** The official variable that says where the connection upgrade is needed (api/defaults). */
export const UPGRADE_VARIABLE = "TELEPORT_TLS_ROUTING_CONN_UPGRADE";

/**
 * Reads the official override: `true` for all addresses, `host:port=yes,other=no` for some, or both, as
 * in `0,host=1`. Words that are neither are passed over, as there.
 */
export function parseUpgradeOverride(
  text: string,
): (endpoint: Endpoint) => boolean | undefined {
  let all: boolean | undefined;
  const byAddress = new Map<string, boolean>();
  for (const part of text.split(",").map((part) => part.trim())) {
    const at = part.lastIndexOf("=");
    const value = parseSwitch(part.slice(at + 1).trim());
    if (value === undefined) continue;
    if (at === -1) all = value;
    else byAddress.set(part.slice(0, at).trim().toLowerCase(), value);
  }
  return ({ host, port }) => {
    const name = host.toLowerCase();
    const address = name.includes(":") ? `[${name}]:${port}` : `${name}:${port}`;
    return byAddress.get(address) ?? byAddress.get(name) ?? all;
  };
}

function parseSwitch(text: string): boolean | undefined {
  if (/^(1|t|true|y|yes|on|enabled?)$/i.test(text)) return true;
  if (/^(0|f|false|n|no|off|disabled?)$/i.test(text)) return false;
  return undefined;
}
