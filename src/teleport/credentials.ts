import { Fault, formatError } from "../core/fault.ts";
import { isKeyOfCertificate, readCertificates } from "../tls/certificate.ts";
import { findUnusablePart } from "../tls/client_pair.ts";
import { type CredentialFiles, credentialFiles } from "../tls/credential_files.ts";
import { decryptPrivateKey } from "../tls/private_key.ts";
import { parsePemBlocks } from "../tls/pem.ts";
import { parseIdentityFile, type TeleportKeyMaterial } from "./identity_file.ts";

/** Where the credentials for Teleport lie: one identity file, or three PEM files. */
export type TeleportCredentialPaths =
  | { readonly identity: string }
  | { readonly certificate: string; readonly key: string; readonly authority: string };

/** Credentials that were read and found sound. */
export interface TeleportCredentials extends TeleportKeyMaterial {
  /** User in the certificate. */
  readonly user: string;
  /** End of the certificate's life, in milliseconds since the epoch. */
  readonly notAfterMs: number;
}

const SIGN_HINT =
  "Sign a new one with: tctl auth sign --format=file --user=teleport-event-handler " +
  "--out=identity --ttl=8760h";

/**
 * Reads and checks the credentials for Teleport at the time `nowMs`.
 *
 * @throws {Fault} of kind `credentials` when a file cannot be read, is no credential, has expired or
 * does not fit the others. The message names the file.
 */
export async function readTeleportCredentials(
  paths: TeleportCredentialPaths,
  nowMs: number,
  files: CredentialFiles = credentialFiles,
): Promise<TeleportCredentials> {
  const where = "identity" in paths ? paths.identity : paths.certificate;
  const material = "identity" in paths
    ? await readIdentity(paths.identity, files)
    : await readFiles(paths, files);
  const certificate = attempt(where, () => readCertificates(material.certificate))[0]!;
  const authorityPath = "identity" in paths ? paths.identity : paths.authority;
  for (const authority of material.authorities) {
    attempt(authorityPath, () => readCertificates(authority));
  }
  if (!attempt(where, () => isKeyOfCertificate(material.key, material.certificate))) {
    throw new Fault("credentials", `Private key does not belong to the certificate in '${where}'`, {
      hint: "Certificate and key must come from the same signing",
    });
  }
  const unusable = findUnusablePart(material);
  if (unusable !== undefined) {
    throw new Fault("credentials", `Cannot use the credentials in '${where}': ${unusable}`, {
      hint: SIGN_HINT,
    });
  }
  if (certificate.notAfterMs <= nowMs) {
    const ended = new Date(certificate.notAfterMs).toISOString();
    throw new Fault("credentials", `Certificate for Teleport in '${where}' expired at ${ended}`, {
      hint: SIGN_HINT,
    });
  }
  return { ...material, user: certificate.name, notAfterMs: certificate.notAfterMs };
}

async function readIdentity(path: string, files: CredentialFiles): Promise<TeleportKeyMaterial> {
  const text = await files.readText(path);
  return attempt(path, () => parseIdentityFile(text));
}

async function readFiles(
  paths: { certificate: string; key: string; authority: string },
  files: CredentialFiles,
): Promise<TeleportKeyMaterial> {
  const [certificate, key, authority] = await Promise.all([
    files.readText(paths.certificate),
    files.readText(paths.key),
    files.readText(paths.authority),
  ]);
  const authorities = attempt(paths.authority, () => parsePemBlocks(authority))
    .filter((block) => block.label === "CERTIFICATE").map((block) => block.pem);
  if (authorities.length === 0) {
    throw new Fault("credentials", `No certificate found in '${paths.authority}'`, {
      hint: "teleport.ca must hold the certificate authorities of the cluster in PEM form",
    });
  }
  return { certificate, key: attempt(paths.key, () => decryptPrivateKey(key)), authorities };
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Fault(
      "credentials",
      `Cannot use the credentials in '${path}': ${formatError(error)}`,
      {
        hint: SIGN_HINT,
      },
    );
  }
}
