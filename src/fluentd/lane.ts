import type { Clock } from "../core/clock.ts";
import type { Delivery } from "../core/delivery.ts";
import type { Logger } from "../core/logger.ts";
import type { AuditEvent } from "../core/event.ts";
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
}

/** Below Fluentd's keepalive_timeout of 10 s, so that its side is not the one to close. */
const IDLE_MS = 5000;
/** As much of an answer's body as is read. */
const MAX_ANSWER_BYTES = 4096;

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
  #client: Deno.HttpClient | undefined;
  #lastUsedMs = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** When the lane was last used, on the monotonic clock. */
  get lastUsedMs(): number {
    return this.#lastUsedMs;
  }

  /** Posts events. A connection that was closed while it lay idle is replaced without a word. */
  async post(url: string, events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    const body = this.#body.build(events);
    const idleMs = this.#options.clock.monotonicMs() - this.#lastUsedMs;
    if (idleMs >= IDLE_MS) this.#discardClient();
    const isReused = this.#client !== undefined;
    try {
      return await this.#exchange(url, body, signal);
    } catch (error) {
      this.#discardClient();
      signal.throwIfAborted();
      if (!isReused || isTimeout(error)) return classifyNetworkError(error);
      this.#options.logger.debug("Connection to Fluentd was lost, trying a new one", {
        error: describeNetworkError(error),
      });
    }
    try {
      return await this.#exchange(url, body, signal);
    } catch (error) {
      this.#discardClient();
      signal.throwIfAborted();
      return classifyNetworkError(error);
    }
  }

  [Symbol.dispose](): void {
    this.#discardClient();
  }

  async #exchange(
    url: string,
    body: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Delivery> {
    const { tls, timeoutMs, userAgent, clock } = this.#options;
    this.#client ??= Deno.createHttpClient({
      ...tls.client,
      caCerts: [...tls.caCerts],
      poolMaxIdlePerHost: 1,
      http2: false,
    });
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": userAgent },
      body,
      client: this.#client,
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

  #discardClient(): void {
    this.#client?.close();
    this.#client = undefined;
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
