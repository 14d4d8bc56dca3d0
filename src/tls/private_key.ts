import { createPrivateKey } from "node:crypto";
import { formatError } from "../core/fault.ts";
import { isPrivateKey, parsePemBlocks, type PemBlock } from "./pem.ts";

/** Why a private key cannot be used, so that the caller can say what to do about it. */
export class PrivateKeyError extends Error {
  readonly reason:
    | "missing"
    | "legacy-encryption"
    | "passphrase-missing"
    | "passphrase-wrong"
    | "unreadable";

  constructor(reason: PrivateKeyError["reason"], message: string) {
    super(message);
    this.name = "PrivateKeyError";
    this.reason = reason;
  }
}

/**
 * Returns the private key of a PEM text without encryption. A key that is not encrypted comes back as
 * it was written, and its passphrase, if any, is not looked at.
 *
 * PKCS#8 encryption (`ENCRYPTED PRIVATE KEY`) is undone. The older one (`Proc-Type: 4,ENCRYPTED`)
 * cannot be: the runtime does not read it, and its key derivation is a single round of MD5.
 *
 * @throws {PrivateKeyError}
 */
export function decryptPrivateKey(pem: string, passphrase?: string): string {
  const block = findKey(pem);
  if (block === undefined) throw new PrivateKeyError("missing", "No private key found");
  if (block.pem.includes("Proc-Type: 4,ENCRYPTED")) {
    throw new PrivateKeyError("legacy-encryption", "Private key has the legacy PEM encryption");
  }
  if (block.label !== "ENCRYPTED PRIVATE KEY") {
    try {
      createPrivateKey(block.pem);
    } catch {
      throw new PrivateKeyError("unreadable", "Private key cannot be read");
    }
    return block.pem;
  }
  if (passphrase === undefined) {
    throw new PrivateKeyError(
      "passphrase-missing",
      "Private key is encrypted and no passphrase is given",
    );
  }
  try {
    const key = createPrivateKey({ key: block.pem, passphrase });
    return key.export({ type: "pkcs8", format: "pem" }).toString();
  } catch {
    throw new PrivateKeyError(
      "passphrase-wrong",
      "Private key cannot be decrypted with the passphrase given",
    );
  }
}

function findKey(pem: string): PemBlock | undefined {
  try {
    return parsePemBlocks(pem).find(isPrivateKey);
  } catch (error) {
    throw new PrivateKeyError("unreadable", formatError(error));
  }
}
