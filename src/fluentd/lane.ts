import type { Clock } from "../core/clock.ts";
import type { Delivery } from "../core/delivery.ts";
import type { Logger } from "../core/logger.ts";
import type { AuditEvent } from "../core/event.ts";
import type { FindHttpProxy, HttpProxy } from "../core/http_proxy.ts";
import { toHttpClientProxy } from "../tls/http_client_proxy.ts";
import { probeBodySize } from "./body_size_probe.ts";
import { destinationOf } from "./destination.ts";
import { HeldBody } from "./held_body.ts";
import { classifyNetworkError, describeNetworkError } from "./network_fault.ts";
import { bodyLength, RequestBody } from "./request.ts";
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
  /** Told when no answer came in time. */
  readonly onLate?: () => void;
}

/** Below Fluentd's keepalive_timeout of 10 s, so that its side is not the one to close. */
const IDLE_MS = 5000;
/** As much of an answer's body as is read. */
const MAX_ANSWER_BYTES = 4096;
/** A smaller body is sent before anyone can break the connection over its size. */
const MIN_LARGE_BYTES = 32 * 1024;
/** A smaller body is sent as fast as the end of one that is held. */
const MIN_HELD_BYTES = 256 * 1024;

/** A request that is on its way but for its end. */
interface Held {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly body: HeldBody;
  readonly response: Promise<Response>;
  readonly sinceMs: number;
  /** Whether it has ended, in whatever way, before its end was sent. */
  isOver: boolean;
  giveUp(reason?: unknown): void;
}

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
  #body = new RequestBody();
  #tls: ReceiverTls;
  #client: Deno.HttpClient | undefined;
  /** The certificates that the client was made with; others may have come while it is in use. */
  #clientTls: ReceiverTls | undefined;
  /** The host that the client was made for; another may lie behind a proxy, or before it. */
  #clientOrigin: string | undefined;
  #isPosting = false;
  #held: Held | undefined;
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

  /**
   * Sends all of a request but its end, which waits for `post` of the same events; the receiver can
   * take nothing of it before. Until then or until `drop` the lane is in use. False when there is
   * nothing to be won, and nothing was done.
   */
  hold(url: string, events: readonly AuditEvent[]): boolean {
    if (bodyLength(events) < MIN_HELD_BYTES) return false;
    this.#discardIdleClient();
    this.#isPosting = true;
    const bytes = this.#body.build(events);
    const body = new HeldBody(bytes);
    const controller = new AbortController();
    const response = this.#fetch(url, body, controller.signal);
    const held: Held = {
      bytes,
      body,
      response,
      sinceMs: this.#options.clock.monotonicMs(),
      isOver: false,
      giveUp: (reason) => controller.abort(reason),
    };
    const over = () => void (held.isOver = true);
    response.then(over, over);
    this.#held = held;
    return true;
  }

  /** Gives up the request that is held; its connection goes with it. */
  drop(): void {
    this.#held?.giveUp("dropped");
    this.#held = undefined;
    this.#isPosting = false;
    this.#discardClient();
    this.#body = new RequestBody();
  }

  /**
   * Posts events; where they are held, only what is left of their request. A connection that was closed
   * while it lay idle is replaced without a word.
   */
  async post(url: string, events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    this.#isPosting = true;
    let isDelivered = false;
    try {
      const delivery = await this.#post(url, events, signal);
      isDelivered = delivery.kind === "delivered";
      return delivery;
    } finally {
      this.#isPosting = false;
      // The runtime may still be reading what it could not send.
      if (!isDelivered) this.#body = new RequestBody();
      if (this.#clientTls !== this.#tls) this.#discardClient();
    }
  }

  [Symbol.dispose](): void {
    this.drop();
  }

  async #post(url: string, events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    const held = this.#takeHeld();
    if (held === undefined) this.#discardIdleClient();
    const body = held?.bytes ?? this.#body.build(events);
    const isReused = this.#client !== undefined;
    try {
      return held === undefined
        ? await this.#exchange(url, body, signal)
        : await this.#finish(held, signal);
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

  /** The request that is held, unless it broke off, was answered too early, or waited for too long. */
  #takeHeld(): Held | undefined {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return undefined;
    const heldMs = this.#options.clock.monotonicMs() - held.sinceMs;
    if (!held.isOver && heldMs < IDLE_MS) return held;
    held.giveUp("too late");
    this.#discardClient();
    this.#body = new RequestBody();
    return undefined;
  }

  /** A receiver that finds a body too large may break the connection before its word is heard. */
  async #explain(
    error: unknown,
    { url, body, signal }: { url: string; body: Uint8Array; signal: AbortSignal },
  ): Promise<Delivery> {
    if (isTimeout(error)) this.#options.onLate?.();
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
    const { timeoutMs } = this.#options;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    return await this.#readAnswer(await this.#fetch(url, body, limit));
  }

  /** Sends the end of a request that is held. */
  async #finish({ body, giveUp, response }: Held, signal: AbortSignal): Promise<Delivery> {
    signal.throwIfAborted();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#options.timeoutMs)]);
    const onAbort = () => giveUp(limit.reason);
    limit.addEventListener("abort", onAbort);
    try {
      body.release();
      return await this.#readAnswer(await response);
    } finally {
      limit.removeEventListener("abort", onAbort);
    }
  }

  async #fetch(url: string, body: BodyInit, signal: AbortSignal): Promise<Response> {
    const { origin } = new URL(url);
    if (this.#clientOrigin !== origin) this.#discardClient();
    const client = this.#client ??= this.#createClient(origin);
    return await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": this.#options.userAgent },
      body,
      client,
      redirect: "manual",
      signal,
    });
  }

  async #readAnswer(response: Response): Promise<Delivery> {
    const text = await readBeginning(response);
    this.#lastUsedMs = this.#options.clock.monotonicMs();
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

  #discardIdleClient(): void {
    const idleMs = this.#options.clock.monotonicMs() - this.#lastUsedMs;
    if (idleMs >= IDLE_MS) this.#discardClient();
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
