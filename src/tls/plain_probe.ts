import { formatError } from "../core/fault.ts";
import { type ConnectProblem, describeConnectProblem, type Endpoint } from "./connect_problem.ts";

/** What a port says to somebody who does not speak TLS. */
export type PlainAnswer = "http" | "ssh" | "tls" | "something" | "nothing";

/** Enough for the beginning of any answer. */
const MAX_BYTES = 512;
/** Whoever waits for more after a whole request does not speak HTTP. */
const PATIENCE_MS = 2000;

/**
 * Asks a port in plain HTTP what it is, by a request without a body that nobody takes for an event.
 * Never throws.
 */
export async function probePlain(
  endpoint: Endpoint,
  stop: AbortSignal,
): Promise<PlainAnswer | ConnectProblem> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(PATIENCE_MS)]);
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect({ hostname: endpoint.host, port: endpoint.port, signal });
  } catch (error) {
    return describeConnectProblem(endpoint, signal.aborted ? "timed out" : formatError(error));
  }
  // Closing is what ends a read; the connection has no signal of its own.
  const close = () => {
    try {
      connection.close();
    } catch {
      // Closed already.
    }
  };
  signal.addEventListener("abort", close, { once: true });
  try {
    await connection.write(new TextEncoder().encode("OPTIONS / HTTP/1.0\r\n\r\n"));
    const bytes = new Uint8Array(MAX_BYTES);
    const length = await connection.read(bytes) ?? 0;
    return recognise(bytes.subarray(0, length));
  } catch {
    return "nothing";
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

function recognise(bytes: Uint8Array): PlainAnswer {
  const text = new TextDecoder("latin1").decode(bytes);
  if (text === "") return "nothing";
  // Go's servers answer in clear that they speak TLS, others send an alert: type 21, version 3.
  if (/^HTTP\/1\.\d 400[^]*HTTPS? (server|port)/i.test(text)) return "tls";
  if (text.startsWith("\x15\x03")) return "tls";
  if (/^HTTP\//.test(text)) return "http";
  if (text.startsWith("SSH-")) return "ssh";
  return "something";
}
