import { untilAborted } from "../core/until_aborted.ts";
import type { Endpoint } from "./connect_problem.ts";
import { TlsFailure } from "./open_tls.ts";

/**
 * Looks whether anybody listens, by a connection that is closed at once. A TLS connection to where
 * nobody does is never freed by this runtime (60 KB each); this one is.
 *
 * @throws {TlsFailure} also when the signal is aborted, with its reason as the cause.
 */
export async function knock({ host, port }: Endpoint, signal: AbortSignal): Promise<void> {
  const connecting = Deno.connect({ hostname: host, port });
  // It cannot be called back, and may come when nobody waits any more.
  const knocked = connecting.then((connection) => connection.close());
  try {
    await untilAborted(knocked, signal);
  } catch (error) {
    throw new TlsFailure(signal.aborted ? error : inWordsOfTls(error, { host, port }), false);
  }
}

/** The same failure in the words of `node:tls`, so that a reader of the log sees one and not two. */
function inWordsOfTls(error: unknown, { host, port }: Endpoint): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code !== "string") return error;
  const words = `connect ${code} ${host}:${port}`;
  return Object.assign(new Error(words), { code });
}
