import { createPrivateKey, X509Certificate } from "node:crypto";
import { parsePemBlocks } from "./pem.ts";

/** What the handler looks at in a certificate. */
export interface CertificateInfo {
  /** Common name of the subject, or the whole subject where there is none; it may be blank. */
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
  return blocks.map((block) => readInfo(readBlock(block.pem)));
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

function readInfo(certificate: X509Certificate): CertificateInfo {
  const info = describe(certificate);
  if (info === undefined || isNaN(info.notBeforeMs) || isNaN(info.notAfterMs)) {
    throw new SyntaxError("Certificate cannot be read");
  }
  return info;
}

function describe(certificate: X509Certificate): CertificateInfo | undefined {
  try {
    // The runtime gives no text for an empty subject, whatever its types say.
    const subject = (certificate.subject as string | undefined) ?? "";
    return {
      name: /^CN=(.*)$/m.exec(subject)?.[1] ?? subject.replaceAll("\n", ", "),
      notBeforeMs: Date.parse(certificate.validFrom),
      notAfterMs: Date.parse(certificate.validTo),
    };
  } catch {
    // It looks at the parts of a certificate only when they are asked for.
    return undefined;
  }
}

function readBlock(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new SyntaxError("Certificate cannot be read");
  }
}
