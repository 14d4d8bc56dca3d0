import { Fault, formatError } from "../core/fault.ts";
import { isKeyOfCertificate, readCertificates } from "../tls/certificate.ts";
import { findUnusablePart } from "../tls/client_pair.ts";
import { type CredentialFiles, credentialFiles } from "../tls/credential_files.ts";
import { parsePemBlocks } from "../tls/pem.ts";
import { decryptPrivateKey, PrivateKeyError } from "../tls/private_key.ts";
import type { ReceiverTls } from "./lane.ts";

/** Where the certificates for the receiver lie. */
export interface ReceiverTlsPaths {
  readonly authority?: string | undefined;
  readonly client?: {
    readonly certificate: string;
    readonly key: string;
    readonly passphrase?: string | undefined;
  } | undefined;
}

/**
 * Reads and checks the certificates for the receiver at the time `nowMs`.
 *
 * @throws {Fault} of kind `credentials`; the message names the file, the hint says what to do.
 */
export async function readReceiverTls(
  paths: ReceiverTlsPaths,
  nowMs: number,
  files: CredentialFiles = credentialFiles,
): Promise<ReceiverTls> {
  const caCerts: string[] = [];
  if (paths.authority !== undefined) {
    const text = await files.readText(paths.authority);
    // The runtime skips without a word what it cannot read here.
    attempt(paths.authority, () => readCertificates(text));
    attempt(paths.authority, () => Deno.createHttpClient({ caCerts: [text] }).close());
    caCerts.push(text);
  }
  if (paths.client === undefined) return { caCerts };
  const { certificate, key, passphrase } = paths.client;
  const cert = await files.readText(certificate);
  const leaf = attempt(certificate, () => readCertificates(cert))[0]!;
  const keyPem = readKey(key, await files.readText(key), passphrase);
  if (!attempt(key, () => isKeyOfCertificate(keyPem, cert))) {
    throw new Fault(
      "credentials",
      `Private key '${key}' does not belong to the certificate '${certificate}'`,
      { hint: "fluentd.cert and fluentd.key must come from the same signing" },
    );
  }
  const certificates = parsePemBlocks(cert).filter((block) => block.label === "CERTIFICATE");
  const client = { cert: certificates.map((b) => b.pem).join(""), key: keyPem };
  const unusable = findUnusablePart({ certificate: client.cert, key: keyPem });
  if (unusable !== undefined) {
    throw new Fault("credentials", `Cannot use '${certificate}' with '${key}': ${unusable}`);
  }
  if (leaf.notAfterMs <= nowMs) {
    const ended = new Date(leaf.notAfterMs).toISOString();
    throw new Fault("credentials", `Client certificate '${certificate}' expired at ${ended}`, {
      hint: "Make a new one with the authority that Fluentd trusts",
    });
  }
  attempt(certificate, () => Deno.createHttpClient({ ...client, caCerts }).close());
  return { caCerts, client };
}

function readKey(path: string, pem: string, passphrase: string | undefined): string {
  try {
    return decryptPrivateKey(pem, passphrase);
  } catch (error) {
    throw new Fault("credentials", `Cannot use the key '${path}': ${formatError(error)}`, {
      hint: hintFor(error, path),
    });
  }
}

function hintFor(error: unknown, path: string): string {
  const [from, to] = [quoteForShell(path), quoteForShell(`${path}.new`)];
  const command = `openssl pkcs8 -topk8 -in ${from} -out ${to} && mv ${to} ${from}`;
  switch (error instanceof PrivateKeyError ? error.reason : "unreadable") {
    case "legacy-encryption":
      return `Convert it with: ${command}`;
    case "passphrase-missing":
      return "Set fluentd.key-passphrase-file, or FDFWD_FLUENTD_KEY_PASSPHRASE in the environment";
    case "passphrase-wrong":
      // The runtime says the same of a wrong passphrase and of a cipher other than AES.
      return "Check fluentd.key-passphrase-file or FDFWD_FLUENTD_KEY_PASSPHRASE; " +
        `if it is right, the key needs an encryption with AES: ${command}`;
    default:
      return "fluentd.key must be a private key in PEM form";
  }
}

function quoteForShell(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Fault("credentials", `Cannot use '${path}': ${formatError(error)}`, {
      hint: "It must hold certificates or keys in PEM form",
    });
  }
}
