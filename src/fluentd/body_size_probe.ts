import type { Delivery } from "../core/delivery.ts";
import type { ReceiverTls } from "./lane.ts";
import { classifyResponse } from "./response.ts";

/** A request whose body may be too large. */
export interface BodySizeProbeOptions {
  readonly url: string;
  /** Length of the body. */
  readonly bytes: number;
  readonly tls: ReceiverTls;
  readonly userAgent: string;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** As much of an answer as is read. */
const MAX_ANSWER_BYTES = 4096;

/**
 * Asks the receiver whether a body of this length is too large for it, without sending one.
 *
 * Fluentd answers 413 in the middle of the body and resets the connection, so that most of the time
 * nothing but a lost connection is seen of it. A request that waits for "100 Continue" is answered
 * before its body. Returns the refusal, or undefined when there is none, for whatever reason. Throws
 * nothing but `signal.reason`.
 */
export async function probeBodySize(
  options: BodySizeProbeOptions,
  signal: AbortSignal,
): Promise<Delivery | undefined> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    const answer = await exchange(options, ended);
    const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer) ?? [];
    if (status !== "413") return undefined;
    const text = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    return classifyResponse({ status: 413, retryAfter: null, location: null, text });
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function exchange(options: BodySizeProbeOptions, signal: AbortSignal): Promise<string> {
  using connection = await connect(options, signal);
  const close = () => connection.close();
  signal.addEventListener("abort", close, { once: true });
  try {
    // A connection that has just been made is reset with its answer still unsent. One that has had an
    // answer is not; a list of no events is nothing to store.
    await write(connection, `${formatHead(options, 2)}\r\n[]`);
    await readAnswer(connection);
    // The length comes before the question: Fluentd reads the head in this order.
    await write(connection, `${formatHead(options, options.bytes)}expect: 100-continue\r\n\r\n`);
    return await readAnswer(connection);
  } finally {
    signal.removeEventListener("abort", close);
  }
}

function formatHead({ url, userAgent }: BodySizeProbeOptions, bytes: number): string {
  const { host, pathname, search } = new URL(url);
  return `POST ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\nuser-agent: ${userAgent}\r\n` +
    `content-type: application/json\r\ncontent-length: ${bytes}\r\n`;
}

async function write(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function connect(
  { tls: { caCerts, client }, url }: BodySizeProbeOptions,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  const { hostname: name, port, protocol } = new URL(url);
  const hostname = name.replace(/^\[(.*)\]$/, "$1");
  if (protocol === "http:") {
    return await Deno.connect({ hostname, port: Number(port || 80), signal });
  }
  const connection = await Deno.connectTls({
    hostname,
    port: Number(port || 443),
    caCerts: [...caCerts],
    ...client,
  });
  if (signal.aborted) connection.close();
  signal.throwIfAborted();
  return connection;
}

/** Reads one answer with its body; less where the connection ends, or the answer is long. */
async function readAnswer(connection: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(MAX_ANSWER_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const count = await connection.read(bytes.subarray(length)).catch(() => null);
    if (count === null) break;
    length += count;
    const text = new TextDecoder().decode(bytes.subarray(0, length));
    if (isWhole(text)) return text;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function isWhole(answer: string): boolean {
  const bodyAt = answer.indexOf("\r\n\r\n");
  if (bodyAt === -1) return false;
  const [, length = "0"] = /^content-length: *(\d+)/im.exec(answer.slice(0, bodyAt)) ?? [];
  return answer.length - bodyAt - 4 >= Number(length);
}
