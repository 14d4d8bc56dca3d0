import { HTTP_PROXY_VARIABLES } from "../core/http_proxy.ts";
import { UPGRADE_VARIABLE } from "../teleport/routes/upgrade_override.ts";
import { AUTHORITIES_VARIABLE } from "../teleport/routes/web_authorities.ts";
import { ENVIRONMENT_NAMES, NEAR_ENVIRONMENT_NAMES } from "../config/setting_names.ts";

/** As Go has it. */
const LOOPBACK = "localhost,127.0.0.0/8,::1";

/** What is read of the environment besides settings. scripts/permissions has these names too. */
const SYSTEM_NAMES = [
  "HOME",
  "USERPROFILE",
  "TERM",
  "NO_COLOR",
  "OTEL_DENO",
  AUTHORITIES_VARIABLE,
  UPGRADE_VARIABLE,
  ...HTTP_PROXY_VARIABLES,
] as const;

/**
 * Every variable that is looked at. The environment as a whole cannot be asked for: it may hold the
 * secrets of others, and the program is not permitted to see it.
 */
export const PROCESS_ENVIRONMENT_NAMES: readonly string[] = [
  ...new Set([...SYSTEM_NAMES, ...ENVIRONMENT_NAMES, ...NEAR_ENVIRONMENT_NAMES]),
];

/** What the program needs to know of its environment. */
export function readProcessEnvironment(): { readonly [name: string]: string } {
  const env: { [name: string]: string } = {};
  for (const name of PROCESS_ENVIRONMENT_NAMES) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  // The runtime goes by these variables too, and would ask an HTTP proxy for this machine.
  const exceptions = [env["NO_PROXY"] || env["no_proxy"] || "", LOOPBACK];
  Deno.env.set("NO_PROXY", exceptions.filter((text) => text !== "").join(","));
  return env;
}
