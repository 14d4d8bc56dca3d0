import { createPrivateKey, X509Certificate } from "node:crypto";
import { parsePemBlocks } from "./pem.ts";

/** What the handler looks at in a certificate. */
export interface CertificateInfo {
  /** Common name of the subject, or the whole subject where there is none. */
  readonly name: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * Reads the certificates of a PEM text, in order.
 *
 * @throws {SyntaxError} when the text holds no certificate or one that cannot be read.
 */
export function readCertificates(pem: string): CertificateInfo[] {
  const blocks = parsePemBlocks(pem).filter((block) => block.label === "CERTIFICATE");
  if (blocks.length === 0) throw new SyntaxError("No certificate found");
  return blocks.map((block) => {
    const certificate = readBlock(block.pem);
    return {
      name: /^CN=(.*)$/m.exec(certificate.subject)?.[1] ??
        certificate.subject.replaceAll("\n", ", "),
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
    };
  });
}

/**
 * Whether the private key belongs to the first certificate of the PEM text.
 *
 * @throws {SyntaxError} when either cannot be read.
 */
export function isKeyOfCertificate(keyPem: string, certificatePem: string): boolean {
  const block = parsePemBlocks(certificatePem).find((block) => block.label === "CERTIFICATE");
  if (block === undefined) throw new SyntaxError("No certificate found");
  try {
    return readBlock(block.pem).checkPrivateKey(createPrivateKey(keyPem));
  } catch (error) {
    if (error instanceof SyntaxError) throw error;
    throw new SyntaxError("Private key cannot be read");
  }
}

function readBlock(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new SyntaxError("Certificate cannot be read");
  }
}
