import { Code, ConnectError } from "@connectrpc/connect";
import { Fault, type FaultKind, formatError } from "../core/fault.ts";
import { quotePeer } from "../core/quote_peer.ts";
import { findTlsCause } from "./tls_causes.ts";

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

/**
 * Turns whatever a call to the auth server threw into a `Fault`. `call` says what was tried, such as
 * `read the audit log`. An abort of the caller's own `signal` is not a fault and must be rethrown by
 * the caller before.
 */
export function toTeleportFault(call: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const inner = findFault(error);
  if (inner !== undefined) {
    const { hint, kind, message } = inner;
    const extras = hint === undefined ? { cause: error } : { hint, cause: error };
    return new Fault(kind, `Cannot ${call}: ${message}`, extras);
  }
  const connectError = ConnectError.from(
    error instanceof Error ? error : new Error(formatError(error)),
  );
  const text = `${connectError.rawMessage} ${formatError(connectError.cause ?? "")} ${
    causeCodes(error)
  }`;
  // An answer of the server says nothing about the handshake, whatever its words.
  const isAnswer = !NO_ANSWER.has(connectError.code);
  const tls = isAnswer ? undefined : findTlsCause(text);
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

/** What our own part of the connection said, within what the library made of it. */
function findFault(error: unknown): Fault | undefined {
  let e = error;
  for (let i = 0; i < 6 && e instanceof Error; i++, e = e.cause) {
    if (e instanceof Fault) return e;
  }
  return undefined;
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
