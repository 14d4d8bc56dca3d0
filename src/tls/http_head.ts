import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";

/** The beginning of an answer of HTTP/1. */
export interface HttpHead {
  readonly status: number;
  /** The words after the status, as they came. */
  readonly reason: string;
  /** By names in lower case; of a header that came twice, the first. */
  readonly headers: ReadonlyMap<string, string>;
  /** What came behind the head already. */
  readonly rest: Buffer;
}

/** As much as Node and Go take. */
const MAX_HEAD_BYTES = 16 * 1024;
const HEAD_END = "\r\n\r\n";

/**
 * Reads the head of an answer of HTTP/1.1 from a connection, and leaves the connection paused after it.
 *
 * @throws {Error} when the connection ends before, or it is no such answer. @throws `signal.reason`.
 */
export function readHttpHead(socket: Duplex, signal: AbortSignal): Promise<HttpHead> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const end = (act: () => void) => {
      socket.off("data", take).off("error", fail).off("close", close).off("end", close);
      signal.removeEventListener("abort", abort);
      socket.pause();
      act();
    };
    const fail = (error: Error) => end(() => reject(error));
    const close = () => fail(new Error("The connection was closed"));
    const abort = () => end(() => reject(signal.reason));
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const at = bytes.indexOf(HEAD_END);
      const isShort = bytes.length >= 5 ? bytes.subarray(0, 5).toString("latin1") : "HTTP/";
      if (isShort !== "HTTP/") return fail(new Error("The answer is not HTTP"));
      if (at === -1) {
        if (bytes.length > MAX_HEAD_BYTES) fail(new Error("The head of the answer has no end"));
        return;
      }
      const head = parseHead(bytes.subarray(0, at).toString("latin1"));
      if (head === undefined) return fail(new Error("The answer is not HTTP/1.1"));
      end(() => resolve({ ...head, rest: bytes.subarray(at + HEAD_END.length) }));
    };
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    socket.on("data", take).on("error", fail).on("close", close).on("end", close);
  });
}

function parseHead(text: string): Omit<HttpHead, "rest"> | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const [, status, reason = ""] = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first) ?? [];
  if (status === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ""] = /^([^:\s]+):\s*(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && !headers.has(name.toLowerCase())) {
      headers.set(name.toLowerCase(), value);
    }
  }
  return { status: Number(status), reason, headers };
}
