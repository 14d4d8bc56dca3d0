import type { Config } from "../config/config.ts";
import { readFluentdKeyPassphrase } from "../config/passphrase.ts";
import type { ReceiverTlsPaths } from "../fluentd/credentials.ts";
import type { TeleportCredentialPaths } from "../teleport/credentials.ts";
import type { CredentialFiles } from "../tls/credential_files.ts";

/** Where the settings, which are complete, say that the credentials for Teleport lie. */
export function credentialPathsOf(config: Config): TeleportCredentialPaths {
  if (config.teleportIdentity !== undefined) return { identity: config.teleportIdentity };
  return {
    certificate: config.teleportCert!,
    key: config.teleportKey!,
    authority: config.teleportCa!,
  };
}

/** The same for the receiver, and the passphrase of the key, which is read from its file. */
export async function receiverTlsPathsOf(
  config: Config,
  files: CredentialFiles,
): Promise<ReceiverTlsPaths> {
  const { fluentdCa: authority, fluentdCert: certificate, fluentdKey: key } = config;
  if (certificate === undefined || key === undefined) return { authority };
  const passphrase = await readFluentdKeyPassphrase(config, files);
  return { authority, client: { certificate, key, passphrase } };
}
