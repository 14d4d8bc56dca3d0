import type { Config } from "../config/config.ts";
import type { TeleportCredentialPaths } from "../teleport/credentials.ts";

/** Where the settings, which are complete, say that the credentials for Teleport lie. */
export function credentialPathsOf(config: Config): TeleportCredentialPaths {
  if (config.teleportIdentity !== undefined) return { identity: config.teleportIdentity };
  return {
    certificate: config.teleportCert!,
    key: config.teleportKey!,
    authority: config.teleportCa!,
  };
}
