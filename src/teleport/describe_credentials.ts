import type { Credential } from "../tls/credential_book.ts";
import type { TeleportCredentialPaths } from "./credentials.ts";
import type { TeleportKeyMaterial } from "./identity_file.ts";

/** Says what the credentials for Teleport consist of, and how to come by new ones. */
export function describeTeleportCredentials(
  paths: TeleportCredentialPaths,
  credentials: TeleportKeyMaterial & { readonly user: string },
): Credential[] {
  const isIdentity = "identity" in paths;
  const out = isIdentity ? "--format=file --out=identity" : "--format=tls --out=teleport";
  return [
    {
      name: "teleport_client",
      title: "Certificate for Teleport",
      path: isIdentity ? paths.identity : paths.certificate,
      pem: credentials.certificate,
      renewal: credentials.user.startsWith("bot-")
        ? "See why tbot has not renewed it"
        : `Sign a new one with: tctl auth sign ${out} --user=${credentials.user} --ttl=8760h`,
    },
    {
      name: "teleport_ca",
      title: "Authority of the Teleport cluster",
      path: isIdentity ? paths.identity : paths.authority,
      pem: credentials.authorities.join(""),
      renewal: "Rotate it with: tctl auth rotate --type=host; then sign a new identity",
    },
  ];
}
