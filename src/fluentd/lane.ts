import type { Clock } from "../core/clock.ts";
import type { Delivery } from "../core/delivery.ts";
import type { Logger } from "../core/logger.ts";
import type { AuditEvent } from "../core/event.ts";
import type { FindHttpProxy, HttpProxy } from "../core/http_proxy.ts";
import { toHttpClientProxy } from "../tls/http_client_proxy.ts";
import { probeBodySize } from "./body_size_probe.ts";
import { destinationOf } from "./destination.ts";
import { classifyNetworkError, describeNetworkError } from "./network_fault.ts";
import { RequestBody } from "./request.ts";
import { classifyResponse } from "./response.ts";

/** Certificates of a connection to the receiver, as PEM. */
export interface ReceiverTls {
  /** Authorities to trust besides the well-known ones. */
  readonly caCerts: readonly string[];
  /** Our certificate with its key, where the receiver wants one. */
  readonly client?: { readonly cert: string; readonly key: string };
}

/** How a lane works. */
export interface LaneOptions {
  readonly tls: ReceiverTls;
  readonly userAgent: string;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Says by which HTTP proxy a destination is reached. @default {by none} */
  readonly findHttpProxy?: FindHttpProxy;
}

/** Below Fluentd's keepalive_timeout of 10 s, so that its side is not the one to close. */
const IDLE_MS = 5000;
/** As much of an answer's body as is read. */
const MAX_ANSWER_BYTES = 4096;
/** A smaller body is sent before anyone can break the connection over its size. */
const MIN_LARGE_BYTES = 32 * 1024;

/**
 * One connection to the receiver, used for one request at a time.
 *
 * Each connection has an HTTP client of its own, which is thrown away with it: a client remembers its
 * TLS session and offers to resume it on its next connection, and Fluentd, which verifies clients but
 * sets no session id context, answers that with a fatal alert. So the client is re-made after an idle
 * time and after any fault.
 */
export class Lane implements Disposable {
  readonly #options: LaneOptions;
  readonly #body = new RequestBody();
  #tls: ReceiverTls;
  #client: Deno.HttpClient | undefined;
  /** The certificates that the client was made with; others may have come while it is in use. */
  #clientTls: ReceiverTls | undefined;
  /** The host that the client was made for; another may lie behind a proxy, or before it. */
  #clientOrigin: string | undefined;
  #isPosting = false;
  #lastUsedMs = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#tls = options.tls;
  }

  /** When the lane was last used, on the monotonic clock. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  /** Uses other certificates from the next request on; the one under way ends as it began. */
  useTls(tls: ReceiverTls): void {
    this.#tls = tls;
    if (!this.#isPosting) this.#discardClient();
  }

  /** Posts events. A connection that was closed while it lay idle is replaced without a word. */
  async post(url: string, events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    this.#isPosting = true;
    try {
      return await this.#post(url, events, signal);
    } finally {
      this.#isPosting = false;
      if (this.#clientTls !== this.#tls) this.#discardClient();
    }
  }

  [Symbol.dispose](): void {
    this.#discardClient();
  }

  async #post(url: string, events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    const body = this.#body.build(events);
    const idleMs = this.#options.clock.monotonicMs() - this.#lastUsedMs;
    if (idleMs >= IDLE_MS) this.#discardClient();
    const isReused = this.#client !== undefined;
    try {
      return await this.#exchange(url, body, signal);
    } catch (error) {
      this.#discardClient();
      signal.throwIfAborted();
      if (!isReused || isTimeout(error)) return await this.#explain(error, { url, body, signal });
      this.#options.logger.debug("Connection to Fluentd was lost, trying a new one", {
        error: describeNetworkError(error),
      });
    }
    try {
      return await this.#exchange(url, body, signal);
    } catch (error) {
      this.#discardClient();
      signal.throwIfAborted();
      return await this.#explain(error, { url, body, signal });
    }
  }

  /** A receiver that finds a body too large may break the connection before its word is heard. */
  async #explain(
    error: unknown,
    { url, body, signal }: { url: string; body: Uint8Array; signal: AbortSignal },
  ): Promise<Delivery> {
    const delivery = classifyNetworkError(error, this.#findHttpProxy(url));
    if (delivery.kind !== "retry" || isTimeout(error) || body.length < MIN_LARGE_BYTES) {
      return delivery;
    }
    const { timeoutMs, userAgent } = this.#options;
    // The question is put to the receiver itself, on a connection of its own.
    if (this.#findHttpProxy(url) !== undefined) return delivery;
    const probe = { url, bytes: body.length, tls: this.#tls, userAgent, timeoutMs };
    return await probeBodySize(probe, signal) ?? delivery;
  }

  async #exchange(
    url: string,
    body: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Delivery> {
    const { timeoutMs, userAgent, clock } = this.#options;
    const { origin } = new URL(url);
    if (this.#clientOrigin !== origin) this.#discardClient();
    const client = this.#client ??= this.#createClient(origin);
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": userAgent },
      body,
      client,
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    const text = await readBeginning(response);
    this.#lastUsedMs = clock.monotonicMs();
    const { status, headers } = response;
    if (text === undefined || headers.get("connection")?.toLowerCase() === "close") {
      this.#discardClient();
    }
    return classifyResponse({
      status,
      retryAfter: headers.get("retry-after"),
      location: headers.get("location"),
      text: text ?? "",
    });
  }

  #findHttpProxy(url: string): HttpProxy | undefined {
    return this.#options.findHttpProxy?.(destinationOf(url));
  }

  #createClient(origin: string): Deno.HttpClient {
    this.#clientTls = this.#tls;
    this.#clientOrigin = origin;
    return Deno.createHttpClient({
      ...toHttpClientProxy(this.#findHttpProxy(origin)),
      ...this.#tls.client,
      caCerts: [...this.#tls.caCerts],
      poolMaxIdlePerHost: 1,
      http2: false,
    });
  }

  #discardClient(): void {
    this.#client?.close();
    this.#client = undefined;
    this.#clientTls = undefined;
    this.#clientOrigin = undefined;
  }
}

/**
 * Reads the body when it is short; undefined when it is not, or when it breaks off: the status has
 * come, and what follows it changes nothing but the connection.
 */
async function readBeginning(response: Response): Promise<string | undefined> {
  if (response.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      bytes += chunk.length;
      text += decoder.decode(chunk, { stream: true });
      if (bytes > MAX_ANSWER_BYTES) return undefined;
    }
    return text;
  } catch {
    return undefined;
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
