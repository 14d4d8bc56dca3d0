import { isPrivateKey, parsePemBlocks } from "../tls/pem.ts";

/** What proves who we are to Teleport, and whom we trust there. */
export interface TeleportKeyMaterial {
  /** Our private key, PEM. */
  readonly key: string;
  /** Our certificate, PEM. */
  readonly certificate: string;
  /** The cluster's certificate authorities, PEM; nothing else is trusted. */
  readonly authorities: readonly string[];
}

/**
 * Reads an identity file as `tctl auth sign` writes it: the first PEM block is the private key, the
 * second the certificate, all others are certificate authorities. Position decides, not the label, as
 * in the official reader (api/identityfile). The SSH lines are skipped: this program never speaks SSH.
 *
 * @throws {SyntaxError} when a part is missing.
 */
export function parseIdentityFile(text: string): TeleportKeyMaterial {
  const [key, certificate, ...authorities] = parsePemBlocks(text);
  if (key === undefined) throw new SyntaxError("No PEM block found");
  if (!isPrivateKey(key)) {
    throw new SyntaxError(`First PEM block is '${key.label}', not a private key`);
  }
  if (certificate?.label !== "CERTIFICATE") {
    throw new SyntaxError("No TLS certificate found after the private key");
  }
  if (authorities.length === 0) {
    throw new SyntaxError("No certificate authority of the cluster found");
  }
  return {
    key: key.pem,
    certificate: certificate.pem,
    authorities: authorities.map((block) => block.pem),
  };
}
