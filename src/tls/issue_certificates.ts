/**
 * Issues certificates on WebCrypto: a certificate authority, and the server and client certificates
 * that it signs. It reads no clock and writes no file; every time is passed in.
 *
 * The library underneath is heavy. Import this file lazily (`await import`), so that commands that
 * issue nothing do not load it.
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** Kinds of key that can be made. */
export type KeyType = "rsa" | "ecdsa";

/** How to make a key pair. */
export interface KeyOptions {
  /** RSA or ECDSA. */
  readonly keyType: KeyType;
  /** Curve of an ECDSA key. @default {"P-256"} */
  readonly curve?: "P-256" | "P-384";
  /** Size of an RSA modulus. @default {4096} */
  readonly rsaBits?: number;
}

/** From when to when a certificate is good, in milliseconds since the epoch. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** What a certificate says about whom it names. */
export interface SubjectOptions {
  /** Common name of the subject. */
  readonly commonName: string;
  /** Organisation of the subject. None by default. */
  readonly organization?: string;
}

/** How to make an authority. */
export interface AuthorityOptions extends KeyOptions, Validity, SubjectOptions {}

/** How to make a certificate that an authority signs. */
export interface CertificateOptions extends KeyOptions, Validity, SubjectOptions {
  /** Which side of a TLS connection may present it. */
  readonly usage: "server" | "client";
  /** DNS names it is good for. @default {[]} */
  readonly dnsNames?: readonly string[];
  /** IP addresses it is good for. @default {[]} */
  readonly ipAddresses?: readonly string[];
}

/** A certificate and its private key, both PEM. The key is unencrypted PKCS#8. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** An authority that can sign. Treat it as opaque but for its two PEM texts. */
export interface Authority extends IssuedCertificate {
  readonly certificate: x509.X509Certificate;
  readonly keys: CryptoKeyPair;
  readonly signing: KeyAlgorithm;
}

/** WebCrypto parameters that both make a key and sign with it. */
type KeyAlgorithm = RsaHashedKeyGenParams | (EcKeyGenParams & { readonly hash: string });

/** Creates a self-signed authority. It may sign end certificates, not further authorities. */
export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const signing = keyAlgorithm(options);
  const keys = await generateKeys(signing);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerialNumber(),
    name: formatSubject(options),
    ...validityDates(options),
    keys,
    signingAlgorithm: signing,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys, signing, ...await encodePems(certificate, keys) };
}

/**
 * Issues a certificate, with a new key, signed by `authority`.
 *
 * @throws {RangeError} When a server certificate would be good for no name at all.
 */
export async function issueCertificate(
  authority: Authority,
  options: CertificateOptions,
): Promise<IssuedCertificate> {
  const names: x509.JsonGeneralNames = [
    ...(options.dnsNames ?? []).map((value) => ({ type: "dns", value }) as const),
    ...(options.ipAddresses ?? []).map((value) => ({ type: "ip", value }) as const),
  ];
  if (options.usage === "server" && names.length === 0) {
    throw new RangeError("Cannot issue a server certificate without a DNS name or an IP address");
  }
  const keys = await generateKeys(keyAlgorithm(options));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerialNumber(),
    subject: formatSubject(options),
    issuer: authority.certificate.subjectName,
    ...validityDates(options),
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    signingAlgorithm: authority.signing,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(keyUsages(options), true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage[options.usage === "server" ? "serverAuth" : "clientAuth"],
      ]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
    ],
  });
  return await encodePems(certificate, keys);
}

function keyAlgorithm(options: KeyOptions): KeyAlgorithm {
  if (options.keyType === "ecdsa") {
    const namedCurve = options.curve ?? "P-256";
    return { name: "ECDSA", namedCurve, hash: namedCurve === "P-384" ? "SHA-384" : "SHA-256" };
  }
  return {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: options.rsaBits ?? 4096,
  };
}

async function generateKeys(algorithm: KeyAlgorithm): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as CryptoKeyPair;
}

/** Key exchange by RSA encryption ends with TLS 1.2; only RSA servers may still be asked for it. */
function keyUsages(options: CertificateOptions): x509.KeyUsageFlags {
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  return options.keyType === "rsa" && options.usage === "server"
    ? digitalSignature | keyEncipherment
    : digitalSignature;
}

/**
 * Names go in as typed values, never as text: the library reads quotes and `#` in text as syntax.
 */
function formatSubject(options: SubjectOptions): x509.Name {
  return new x509.Name([
    ...(options.organization === undefined ? [] : [{ O: [{ utf8String: options.organization }] }]),
    { CN: [{ utf8String: options.commonName }] },
  ]);
}

/** Certificates count whole seconds: the start is rounded down and the end up. */
function validityDates(validity: Validity): { notBefore: Date; notAfter: Date } {
  return {
    notBefore: new Date(Math.floor(validity.notBeforeMs / 1000) * 1000),
    notAfter: new Date(Math.ceil(validity.notAfterMs / 1000) * 1000),
  };
}

/** 126 random bits, positive and without a leading zero byte, as RFC 5280 wants it in DER. */
function randomSerialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toHex();
}

async function encodePems(
  certificate: x509.X509Certificate,
  keys: CryptoKeyPair,
): Promise<IssuedCertificate> {
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certificatePem: `${certificate.toString("pem")}\n`,
    privateKeyPem: `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`,
  };
}
