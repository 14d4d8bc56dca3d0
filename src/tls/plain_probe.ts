import type { Endpoint } from "./tcp_probe.ts";

/** What a port says to somebody who does not speak TLS. */
export type PlainAnswer = "http" | "ssh" | "tls" | "something" | "nothing";

/** Enough for the beginning of any answer. */
const MAX_BYTES = 512;
/** Whoever waits for more after a whole request does not speak HTTP. */
const PATIENCE_MS = 2000;

/**
 * Asks a port in plain HTTP what it is: a request without a body for the path `/`, which nobody takes
 * for an event. Never throws.
 */
export async function probePlain(endpoint: Endpoint, stop: AbortSignal): Promise<PlainAnswer> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    using connection = await Deno.connect({
      hostname: endpoint.host,
      port: endpoint.port,
      signal,
    });
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
    } finally {
      signal.removeEventListener("abort", close);
    }
  } catch {
    return "nothing";
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
