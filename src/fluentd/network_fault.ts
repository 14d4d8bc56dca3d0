import type { Delivery } from "../core/delivery.ts";
import type { HttpProxy } from "../core/http_proxy.ts";
import { formatError } from "../core/fault.ts";
import { quotePeer } from "../core/quote_peer.ts";

/**
 * Failures of a connection that waiting will not heal, by the words of rustls in the causes of what
 * `fetch` throws. Everything else (refused, reset, timed out, name not found) may pass.
 */
const LASTING: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /UnknownIssuer|BadSignature|CaUsedAsEndEntity/,
    reason: "Fluentd's certificate is not signed by an authority in fluentd.ca",
  },
  {
    pattern: /not valid for name|NotValidForName/,
    reason: "Fluentd's certificate is not made for the host in fluentd.url",
  },
  {
    pattern: /invalid peer certificate: .*(Expired|NotValidYet|expired|not valid yet)/,
    reason: "Fluentd's certificate has expired or is not valid yet",
  },
  {
    pattern: /invalid peer certificate: .*extended key usage/,
    reason: "Fluentd's certificate is not one for servers",
  },
  {
    pattern: /UnsupportedCertVersion/,
    reason: "Fluentd's certificate has the X.509 version 1; make it again with subjectAltName",
  },
  {
    // OpenSSL signs with SHA-384 in TLS 1.2, whatever the curve (docs/decisions/0019).
    pattern: /UnsupportedSignatureAlgorithm/,
    reason:
      "Fluentd's key does not fit its TLS 1.2: let Fluentd speak TLS 1.3 (max_version TLSv1_3), " +
      "or give it a P-384 or RSA key",
  },
  {
    pattern: /fatal alert: CertificateRequired/,
    reason: "Fluentd demands a client certificate; set fluentd.cert and fluentd.key",
  },
  {
    pattern: /fatal alert: (UnknownCA|BadCertificate|DecryptError|AccessDenied|CertificateUnknown)/,
    reason: "Fluentd does not accept the client certificate in fluentd.cert",
  },
  {
    pattern: /fatal alert: CertificateExpired/,
    reason: "The client certificate in fluentd.cert has expired",
  },
  {
    pattern: /InvalidContentType|corrupt message/,
    reason: "Fluentd does not speak TLS at this port; check fluentd.url",
  },
];

/**
 * The receiver let go of an open connection, in whichever of the ways that this shows. `fetch` tries
 * once more by itself after that, and resumes the TLS session for it, which Fluentd refuses: then an
 * alert hides the loss that came before.
 */
const CLOSED =
  /fatal alert: InternalError|\(SendRequest\): connection error: Connection reset by peer/;

/**
 * Describes an error of `fetch` without its head: that names the URL, which may hold a token, and our
 * own port, which makes each of a row of equal failures look new.
 */
export function describeNetworkError(error: unknown): string {
  const text = formatError(error)
    .replace(/^error sending request .*?: (?=client error)/, "")
    .replace(/: https:\/\/docs\.rs\/\S*/, "");
  // It may name everything that the receiver's certificate is made for.
  return quotePeer(text);
}

/** Words of the runtime about an HTTP proxy before the receiver; each of these may pass. */
const OF_HTTP_PROXY: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: /proxy authentication required/,
    reason: "the HTTP proxy demands a user and password, or other ones",
  },
  { pattern: /unsuccessful tunnel/, reason: "the HTTP proxy refuses to connect to Fluentd" },
  {
    pattern: /eof while tunneling/,
    reason: "the HTTP proxy closed the connection: it may not reach Fluentd",
  },
  { pattern: /tcp connect error|dns error/, reason: "the HTTP proxy cannot be reached" },
];

/**
 * Says what an error of the connection means for the events of the request, which was to go through an
 * HTTP proxy where one is given.
 */
export function classifyNetworkError(error: unknown, httpProxy?: HttpProxy): Delivery {
  if (httpProxy === undefined) return classifyError(error);
  const { label, variable } = httpProxy;
  const text = describeNetworkError(error);
  const known = OF_HTTP_PROXY.find((row) => row.pattern.test(text));
  const where = `through the HTTP proxy ${label} of ${variable}`;
  if (known !== undefined) return { kind: "retry", reason: `${known.reason} (${where}: ${text})` };
  const delivery = classifyError(error);
  return delivery.kind === "delivered"
    ? delivery
    : { ...delivery, reason: `${delivery.reason}, ${where}` };
}

function classifyError(error: unknown): Delivery {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return { kind: "retry", reason: "no answer in time" };
  }
  const text = describeNetworkError(error);
  if (CLOSED.test(text)) {
    return { kind: "retry", reason: "Fluentd closed the connection" };
  }
  const lasting = LASTING.find((row) => row.pattern.test(text));
  if (lasting !== undefined) {
    return { kind: "misconfigured", reason: `${lasting.reason} (${text})` };
  }
  return { kind: "retry", reason: text };
}
