/** Why a web certificate is not trusted. */
export interface WebCertificateCause {
  readonly text: string;
  readonly hint: string;
}

/** Words of the runtime's TLS, of both of its ways to make a connection. */
const CAUSES: readonly (WebCertificateCause & { readonly pattern: RegExp })[] = [
  {
    pattern: /NotValidForName|not valid for name|ALTNAME_INVALID/,
    text: "its web certificate is not made for the host of teleport.addr",
    hint: "Write a host of the certificate in teleport.addr",
  },
  {
    pattern: /Expired|expired|NotValidYet|not valid yet/,
    text: "its web certificate has expired or is not valid yet",
    hint: "Renew the certificate of the proxy, or of the load balancer before it",
  },
  {
    pattern: /UnknownIssuer|BadSignature|CaUsedAsEndEntity|SELF_SIGNED|UNABLE_TO_/,
    text: "its web certificate is not signed by an authority that is known here",
    hint: "Name the file of its authority in the environment variable SSL_CERT_FILE",
  },
];

/** Finds the cause in what the runtime said; undefined when it is about something else. */
export function findWebCertificateCause(words: string): WebCertificateCause | undefined {
  return CAUSES.find((row) => row.pattern.test(words));
}
