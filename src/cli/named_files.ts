import type { LoadedConfig } from "../config/load_config.ts";
import type { NamedFile } from "../tls/file_modes.ts";

/** The files that settings name, and which of them hold a secret. */
export function namedFilesOf({ config, sources }: LoadedConfig): readonly NamedFile[] {
  const holdsPassphrase = sources["fluentd-key-passphrase"].origin === "file";
  const files: readonly (readonly [string, string | undefined, boolean])[] = [
    ["config", config.config, holdsPassphrase],
    ["teleport-identity", config.teleportIdentity, true],
    ["teleport-ca", config.teleportCa, false],
    ["teleport-cert", config.teleportCert, false],
    ["teleport-key", config.teleportKey, true],
    ["fluentd-ca", config.fluentdCa, false],
    ["fluentd-cert", config.fluentdCert, false],
    ["fluentd-key", config.fluentdKey, true],
    ["fluentd-key-passphrase-file", config.fluentdKeyPassphraseFile, true],
    ["storage-token-file", config.storageTokenFile, true],
    ["storage-ca", config.storageCa, false],
  ];
  return files.flatMap(([setting, path, isSecret]) =>
    path === undefined ? [] : [{ setting, path, isSecret }]
  );
}
