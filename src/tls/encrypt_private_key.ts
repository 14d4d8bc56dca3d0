import { parsePemBlocks } from "./pem.ts";

/** PBKDF2 rounds: about a fifth of a second for whoever knows the passphrase, and for each guess. */
const ITERATIONS = 600_000;

/** Object identifiers as DER, tag and length included. */
const OID = {
  pbes2: "06092a864886f70d01050d",
  pbkdf2: "06092a864886f70d01050c",
  hmacWithSha256: "06082a864886f70d0209",
  aes256Cbc: "060960864801650304012a",
} as const;

const NULL = "0500";
const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const INTEGER = 0x02;

/**
 * Encrypts a PKCS#8 private key (`PRIVATE KEY`) under a passphrase: PBES2 (RFC 8018) with
 * PBKDF2-HMAC-SHA256 and AES-256-CBC, as `ENCRYPTED PRIVATE KEY`. openssl and Ruby, and so Fluentd,
 * read it. The runtime's own export is not used because it ignores the passphrase (Deno 2.7.14).
 *
 * @throws {RangeError} When the passphrase is empty.
 */
export async function encryptPrivateKey(pem: string, passphrase: string): Promise<string> {
  if (passphrase === "") throw new RangeError("Cannot encrypt with an empty passphrase");
  const block = parsePemBlocks(pem).find((block) => block.label === "PRIVATE KEY");
  if (block === undefined) throw new SyntaxError("No unencrypted PKCS#8 private key found");
  const der = Uint8Array.fromBase64(block.pem.replaceAll(/-----[^-]+-----|\s/g, ""));
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const iv = crypto.getRandomValues(new Uint8Array(16));
  const key = await deriveKey(passphrase, salt);
  const encrypted = await crypto.subtle.encrypt({ name: "AES-CBC", iv }, key, der);

  const derivation = encode(SEQUENCE, [
    fromHex(OID.pbkdf2),
    encode(SEQUENCE, [
      encode(OCTET_STRING, [salt]),
      encode(INTEGER, [integerBytes(ITERATIONS)]),
      encode(SEQUENCE, [fromHex(OID.hmacWithSha256), fromHex(NULL)]),
    ]),
  ]);
  const cipher = encode(SEQUENCE, [fromHex(OID.aes256Cbc), encode(OCTET_STRING, [iv])]);
  const algorithm = encode(SEQUENCE, [
    fromHex(OID.pbes2),
    encode(SEQUENCE, [derivation, cipher]),
  ]);
  const info = encode(SEQUENCE, [
    algorithm,
    encode(OCTET_STRING, [new Uint8Array(encrypted)]),
  ]);
  return formatPem("ENCRYPTED PRIVATE KEY", info);
}

async function deriveKey(passphrase: string, salt: BufferSource): Promise<CryptoKey> {
  const secret = new TextEncoder().encode(passphrase);
  const material = await crypto.subtle.importKey("raw", secret, "PBKDF2", false, ["deriveKey"]);
  return await crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", salt, iterations: ITERATIONS },
    material,
    { name: "AES-CBC", length: 256 },
    false,
    ["encrypt"],
  );
}

/** One DER element: tag, length, content. */
function encode(tag: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(parts);
  const length = content.length < 0x80
    ? new Uint8Array([content.length])
    : concat([new Uint8Array([0x80 | integerLength(content.length)]), bigEndian(content.length)]);
  return concat([new Uint8Array([tag]), length, content]);
}

/** A positive DER integer: a leading zero where the first bit would make it negative. */
function integerBytes(value: number): Uint8Array {
  const bytes = bigEndian(value);
  return bytes[0]! < 0x80 ? bytes : concat([new Uint8Array([0]), bytes]);
}

function bigEndian(value: number): Uint8Array {
  const hex = value.toString(16);
  return fromHex(hex.length % 2 === 0 ? hex : `0${hex}`);
}

function integerLength(value: number): number {
  return bigEndian(value).length;
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function formatPem(label: string, der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g)!.join("\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
