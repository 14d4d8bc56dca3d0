import { encryptPrivateKey } from "../tls/encrypt_private_key.ts";
import type { SetupFile, SetupOptions } from "./setup_options.ts";

/** Clocks differ: certificates are good from a little before they are made. */
const BACKDATED_MS = 5 * 60_000;

/** When a certificate that was made ends. */
export interface CertificateReport {
  readonly file: string;
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Certificates that belong together: they are written all, or none of them. */
export interface CertificateSet {
  readonly files: readonly SetupFile[];
  readonly certificates: readonly CertificateReport[];
}

/**
 * The only curve that works with Fluentd's default of TLS 1.2 alone: there OpenSSL signs with SHA-384,
 * the first that our TLS offers, and our TLS takes that from a P-384 key and not from a P-256 one.
 */
const CURVE = "P-384";

const SUBJECTS = {
  ca: "Teleport event handler CA",
  server: "Fluentd server",
  client: "Teleport event handler client",
} as const;

/** The names of the files of the set, each certificate before its key. */
export function certificateFileNames({ names }: Pick<SetupOptions, "names">): readonly string[] {
  return [names.ca, names.server, names.client].flatMap((name) => [`${name}.crt`, `${name}.key`]);
}

/**
 * Makes an authority, a server certificate for Fluentd and a client certificate for the handler. The
 * server key is encrypted where there is a passphrase. No name is looked up.
 */
export async function issueCertificateSet(
  options: SetupOptions,
  { nowMs, passphrase }: { readonly nowMs: number; readonly passphrase: string | undefined },
): Promise<CertificateSet> {
  // Heavy, and needed by this command alone.
  const { createAuthority, issueCertificate } = await import("../tls/issue_certificates.ts");
  const { keyType, names, rsaBits } = options;
  const validity = { notBeforeMs: nowMs - BACKDATED_MS, notAfterMs: nowMs + options.ttlMs };
  const shared = { keyType, rsaBits, curve: CURVE, ...validity } as const;
  const ca = await createAuthority({ commonName: SUBJECTS.ca, ...shared });
  const [server, client] = await Promise.all([
    issueCertificate(ca, {
      commonName: SUBJECTS.server,
      usage: "server",
      dnsNames: options.dnsNames,
      ipAddresses: options.ipAddresses,
      ...shared,
    }),
    issueCertificate(ca, { commonName: SUBJECTS.client, usage: "client", ...shared }),
  ]);
  const serverKey = passphrase === undefined
    ? server.privateKeyPem
    : await encryptPrivateKey(server.privateKeyPem, passphrase);
  return {
    files: [
      certificateFile(names.ca, ca.certificatePem),
      keyFile(names.ca, ca.privateKeyPem),
      certificateFile(names.server, server.certificatePem),
      keyFile(names.server, serverKey),
      certificateFile(names.client, client.certificatePem),
      keyFile(names.client, client.privateKeyPem),
    ],
    certificates: (["ca", "server", "client"] as const).map((which) => ({
      file: `${names[which]}.crt`,
      subject: SUBJECTS[which],
      ...validity,
    })),
  };
}

function certificateFile(name: string, text: string): SetupFile {
  return { name: `${name}.crt`, text, secret: false };
}

function keyFile(name: string, text: string): SetupFile {
  return { name: `${name}.key`, text, secret: true };
}
