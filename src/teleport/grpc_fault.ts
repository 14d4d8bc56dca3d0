import { Code, ConnectError } from "@connectrpc/connect";
import { Fault, type FaultKind, formatError } from "../core/fault.ts";
import { quotePeer } from "../core/quote_peer.ts";

/** What each gRPC code means for the handler (codes: the gRPC specification; evidence per row). */
const KINDS: { readonly [code in Code]: FaultKind } = {
  // Not ours: callers rethrow their own cancellation first. connect-node reports a lost connection,
  // a TCP reset and a killed server as Canceled.
  [Code.Canceled]: "unavailable",
  [Code.Unknown]: "unavailable",
  [Code.InvalidArgument]: "protocol",
  [Code.DeadlineExceeded]: "unavailable",
  [Code.NotFound]: "missing",
  [Code.AlreadyExists]: "protocol",
  [Code.PermissionDenied]: "denied",
  [Code.ResourceExhausted]: "unavailable",
  [Code.FailedPrecondition]: "protocol",
  [Code.Aborted]: "unavailable",
  [Code.OutOfRange]: "protocol",
  [Code.Unimplemented]: "unsupported",
  [Code.Internal]: "unavailable",
  [Code.Unavailable]: "unavailable",
  [Code.DataLoss]: "protocol",
  [Code.Unauthenticated]: "denied",
};

/** Codes that connect gives to a failed connection; a server may give them too. */
const NO_ANSWER: ReadonlySet<Code> = new Set([
  Code.Canceled,
  Code.Unknown,
  Code.Internal,
  Code.Unavailable,
  Code.Aborted,
]);

/** Failures of the TLS handshake, by what Node's TLS reports or a part of OpenSSL's words. */
const TLS_CAUSES: readonly {
  readonly pattern: RegExp;
  readonly message: string;
  readonly hint: string;
}[] = [
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
    hint: "teleport.addr must be the address of the auth server",
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
    hint: "teleport.addr must be the address of the auth server",
  },
];

/**
 * Turns whatever a call to the auth server threw into a `Fault`. `call` says what was tried, such as
 * `read the audit log`. An abort of the caller's own `signal` is not a fault and must be rethrown by
 * the caller before.
 */
export function toTeleportFault(call: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const connectError = ConnectError.from(
    error instanceof Error ? error : new Error(formatError(error)),
  );
  const text = `${connectError.rawMessage} ${formatError(connectError.cause ?? "")} ${
    causeCodes(error)
  }`;
  // An answer of the server says nothing about the handshake, whatever its words.
  const isAnswer = !NO_ANSWER.has(connectError.code);
  const tls = isAnswer ? undefined : TLS_CAUSES.find((row) => row.pattern.test(text));
  if (tls !== undefined) {
    // Waiting alone does not heal it, though the other side may be the one to change something.
    return new Fault("denied", `Cannot ${call}: ${tls.message}`, {
      hint: tls.hint,
      cause: error,
    });
  }
  // A server may answer with a number that is no code.
  const code = Code[connectError.code] ?? `code ${connectError.code}`;
  const kind = KINDS[connectError.code] ?? "protocol";
  const reason = connectError.code === Code.Canceled
    ? "the connection was lost"
    : quotePeer(connectError.rawMessage) || code;
  const message = `Cannot ${call}: ${reason} (${code})`;
  const hint = kind === "denied"
    ? "The role of the handler's user must allow list and read on event and session"
    : undefined;
  return new Fault(kind, message, hint === undefined ? { cause: error } : { hint, cause: error });
}

/** The `code` fields along the chain of causes. */
function causeCodes(error: unknown): string {
  const codes: string[] = [];
  for (let e = error; e instanceof Error && codes.length < 6; e = e.cause) {
    if ("code" in e && typeof e.code === "string") codes.push(e.code);
    codes.push(e.message);
  }
  return codes.join(" ");
}
