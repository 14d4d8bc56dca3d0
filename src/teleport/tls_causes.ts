/** Why a TLS handshake with Teleport fails, and what to do about it. */
export interface TlsCause {
  /** In words that go on after a colon. */
  readonly message: string;
  readonly hint: string;
}

/** What the address has to be. */
export const ADDRESS_HINT =
  "teleport.addr must be the address of the auth server or of a proxy of the cluster";

/** Failures of the TLS handshake, by what Node's TLS reports or a part of OpenSSL's words. */
const TLS_CAUSES: readonly (TlsCause & { readonly pattern: RegExp })[] = [
  {
    pattern: /SELF_SIGNED_CERT|UNABLE_TO_VERIFY|UnknownIssuer|UNABLE_TO_GET_ISSUER|BadSignature/,
    message: "the server's certificate is not signed by the cluster's certificate authority",
    // The runtime says the same of a server's certificate that has expired.
    hint: "The identity or teleport.ca belongs to another cluster, its authority was rotated, or " +
      "the server's certificate has expired",
  },
  {
    pattern: /ALTNAME_INVALID|NotValidForName/,
    message: "the server's certificate is not that of a Teleport auth server",
    hint: ADDRESS_HINT,
  },
  {
    pattern: /CERTIFICATE_REQUIRED|CertificateRequired/,
    message: "the server demands a client certificate and saw none",
    hint: "Check the identity file",
  },
  {
    pattern: /UNKNOWN_CA|UnknownCA|BAD_CERTIFICATE|BadCertificate|DECRYPT_ERROR|DecryptError/,
    message: "the server does not accept the client certificate",
    hint:
      "The identity was signed by another cluster or before its authority was rotated; sign a new one",
  },
  {
    pattern: /CERTIFICATE_EXPIRED|CertificateExpired|CERT_HAS_EXPIRED|Expired/,
    message: "a certificate has expired",
    hint: "Sign a new identity with tctl auth sign, and check the clock of this machine",
  },
  {
    pattern: /InvalidContentType|WRONG_VERSION_NUMBER|corrupt message/,
    message: "the server does not speak TLS",
    hint: ADDRESS_HINT,
  },
];

/** Finds the cause in what Node's TLS said; undefined when it may pass. */
export function findTlsCause(text: string): TlsCause | undefined {
  return TLS_CAUSES.find((row) => row.pattern.test(text));
}
