import { Fault, formatError } from "../../core/fault.ts";
import { parsePemBlocks } from "../../tls/pem.ts";

/** The variable that names the file of authorities, as for OpenSSL and Go. */
export const AUTHORITIES_VARIABLE = "SSL_CERT_FILE";

/** Where systems keep them in one file (Go looks there too: crypto/x509/root_linux.go). */
const SYSTEM_FILES = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * Reads the authorities of web certificates: those in the file that `SSL_CERT_FILE` names, else the
 * system's. The runtime knows the public ones besides. Read at each use, as the file may be renewed.
 *
 * @throws {Fault} of kind `config` when the file that was named cannot be read or holds none.
 */
export async function readWebAuthorities(named: string | undefined): Promise<readonly string[]> {
  if (named === undefined) return await readSystemFile();
  const hint = `Name a file of certificates in PEM form, or unset ${AUTHORITIES_VARIABLE}`;
  let certificates: readonly string[];
  try {
    certificates = certificatesOf(await Deno.readTextFile(named));
  } catch (error) {
    const text = `Cannot read the file '${named}' of environment variable ${AUTHORITIES_VARIABLE}`;
    throw new Fault("config", `${text}: ${formatError(error)}`, { hint });
  }
  if (certificates.length === 0) {
    const text = `No certificate found in the file '${named}' of environment variable`;
    throw new Fault("config", `${text} ${AUTHORITIES_VARIABLE}`, { hint });
  }
  return certificates;
}

async function readSystemFile(): Promise<readonly string[]> {
  for (const path of SYSTEM_FILES) {
    try {
      return certificatesOf(await Deno.readTextFile(path));
    } catch {
      // Another system, or a file that is damaged: the runtime's own authorities are left.
    }
  }
  return [];
}

function certificatesOf(text: string): readonly string[] {
  return parsePemBlocks(text).filter(({ label }) => label === "CERTIFICATE").map(({ pem }) => pem);
}
