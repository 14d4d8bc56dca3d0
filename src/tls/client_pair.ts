import { createPrivateKey, X509Certificate } from "node:crypto";

/** Kinds of key that rustls signs with; it is what the runtime speaks TLS with. */
const CURVES: ReadonlySet<string | undefined> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const MIN_RSA_BITS = 2048;
/** Tag of the version in a certificate; it is left out where the version is 1. */
const VERSION_TAG = 0xa0;

/** Words of rustls, and what they mean for whoever made the pair. The first that fits counts. */
const REFUSALS: readonly (readonly [RegExp, string])[] = [
  [
    /UnsupportedCriticalExtension/,
    "Certificate has an extension that is marked critical and that TLS does not know here; make " +
    "it again without that mark (openssl x509 -noout -text shows it)",
  ],
  [/^invalid peer certificate/, "Certificate is damaged or of a form that TLS does not take"],
  [/private key/, "Private key is damaged or of a form that TLS does not take"],
];

/**
 * Says why a client certificate and its key, each of them readable, cannot be used for TLS; undefined
 * when they can. It must be asked before they are used: the runtime panics over a pair that it does
 * not take, which ends the process and cannot be caught (Deno 2.7, `Deno.createHttpClient`).
 */
export function findUnusablePart(pair: {
  readonly certificate: string;
  readonly key: string;
}): string | undefined {
  if (isVersion1(new X509Certificate(pair.certificate).raw)) {
    return "Certificate has the X.509 version 1; make it again with the extension " +
      "extendedKeyUsage = clientAuth";
  }
  return findUnusableKey(pair.key) ?? findRefusal(pair);
}

function findUnusableKey(key: string): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPrivateKey(key);
  if (type === "rsa") {
    const bits = details?.modulusLength ?? 0;
    return bits >= MIN_RSA_BITS
      ? undefined
      : `Private key has ${bits} bits, and RSA keys need at least ${MIN_RSA_BITS}`;
  }
  if (type === "ed25519" || (type === "ec" && CURVES.has(details?.namedCurve))) return undefined;
  return `Private key is of the kind ${
    details?.namedCurve ?? type
  }; use RSA, ECDSA on P-256, P-384 ` +
    "or P-521, or Ed25519";
}

/** The version stands first in the inner one of the two sequences that a certificate begins with. */
function isVersion1(der: Uint8Array): boolean {
  return der[skipHeader(der, skipHeader(der, 0))] !== VERSION_TAG;
}

function skipHeader(der: Uint8Array, at: number): number {
  const length = der[at + 1] ?? 0;
  return at + 2 + (length < 0x80 ? 0 : length & 0x7f);
}

/**
 * Lets rustls itself judge. A listener takes a pair by the same function as a client, and throws where a
 * client panics; there is no other way to ask. Its port on loopback is closed before anyone can be let in.
 */
function findRefusal({ certificate, key }: {
  readonly certificate: string;
  readonly key: string;
}): string | undefined {
  try {
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert: certificate, key }).close();
    return undefined;
  } catch (error) {
    // No port, as where a sandbox forbids it: the pair was not looked at, and is not to blame.
    if (!(error instanceof Error) || "code" in error || error instanceof Deno.errors.NotCapable) {
      return undefined;
    }
    const { message } = error;
    const [, meaning] = REFUSALS.find(([words]) => words.test(message)) ?? [];
    const reason = message.replace(
      /^(?:invalid peer certificate|unexpected error): (?:Other\(OtherError\()?/,
      "",
    );
    return `${meaning ?? "TLS does not take the pair"} (${reason.replace(/\)+$/, "")})`;
  }
}
