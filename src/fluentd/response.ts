import type { Delivery } from "../core/delivery.ts";
import { quotePeer } from "../core/quote_peer.ts";

/** What counts in an answer of the receiver. */
export interface ReceiverAnswer {
  readonly status: number;
  /** The `Retry-After` header. */
  readonly retryAfter: string | null;
  /** The `Location` header. */
  readonly location: string | null;
  /** The beginning of the body. */
  readonly text: string;
}

/** Longest wish of a receiver that is granted; after that it is asked again. */
const MAX_RETRY_AFTER_MS = 5 * 60 * 1000;

type Classify = (answer: ReceiverAnswer) => Delivery;

const PATH = "check the path in fluentd.url and fluentd.session-url";
const NO_INPUT = "the URL must lead to an input for events, such as Fluentd's @type http";

/**
 * Statuses that say more than their class does. Evidence: shared behaviour of Fluentd's in_http, Fluent
 * Bit's in_http, Vector's http_server and Logstash's http input, and of proxies before them.
 */
const STATUSES: { readonly [status: number]: Classify } = {
  400: classifyBadRequest,
  401: misconfigured(
    "the receiver demands other credentials",
    "check the URL: Fluentd's http input asks for a client certificate and nothing else",
  ),
  403: misconfigured(
    "the receiver forbids it",
    "check the URL, and whom a proxy before Fluentd lets in",
  ),
  404: misconfigured("the path of the URL is not known there", PATH),
  405: misconfigured("the URL does not take POST", NO_INPUT),
  407: misconfigured("a proxy demands credentials", "let requests to Fluentd go past the proxy"),
  408: retry,
  410: misconfigured("the path of the URL is gone", PATH),
  411: misconfigured("the receiver does not take this kind of request", NO_INPUT),
  413: rejected("raise body_size_limit of Fluentd's http input, or the limit of a proxy before it"),
  414: misconfigured("the URL is too long", PATH),
  415: rejected("the receiver must take application/json"),
  417: misconfigured("the receiver does not take this kind of request", NO_INPUT),
  421: misconfigured("the URL does not belong to this receiver", "check the host in fluentd.url"),
  422: rejected(),
  425: retry,
  426: misconfigured("the receiver demands another protocol", NO_INPUT),
  429: retry,
  431: misconfigured("the headers are too large for the receiver", PATH),
  500: classifyServerError,
  501: misconfigured("the receiver does not take this kind of request", NO_INPUT),
  502: retry,
  503: retry,
  504: retry,
  505: misconfigured("the receiver does not take this kind of request", NO_INPUT),
  507: retry,
  511: misconfigured("the network demands a login", "look at what is between here and Fluentd"),
};

/** A proxy that ends TLS before the receiver says so by 400 (nginx). */
const TLS_REFUSED = /SSL certificate|plain HTTP request was sent to HTTPS port/i;
/** One event is larger than a chunk of the output's buffer (Fluentd, `Buffer::BufferChunkOverflowError`). */
const TOO_LARGE_FOR_CHUNK = /larger than buffer chunk limit|chunk bytes limit exceeds/i;
/** The output's buffer is full (Fluentd, `Buffer::BufferOverflowError`); no event is to blame. */
const BUFFER_FULL = /buffer space has too many data/i;

/** Says what an answer means for the events of the request. Any 2xx is a delivery. */
export function classifyResponse(answer: ReceiverAnswer): Delivery {
  const { status } = answer;
  const row = STATUSES[status];
  if (row !== undefined) return row(answer);
  if (status >= 200 && status < 300) return { kind: "delivered" };
  if (status >= 300 && status < 400) {
    const target = answer.location === null ? "" : ` to ${quotePeer(answer.location)}`;
    const cause = `the receiver redirects${target}; redirects are not followed`;
    return misconfigured(cause, "write the final URL into the settings")(answer);
  }
  return status >= 500 ? { ...retry(answer), suspect: true } : rejected()(answer);
}

function classifyBadRequest(answer: ReceiverAnswer): Delivery {
  return TLS_REFUSED.test(answer.text)
    ? misconfigured(
      "a proxy before the receiver does not accept the connection",
      "check fluentd.cert, and whether the URL begins with https",
    )(answer)
    : rejected("look at <parse> of Fluentd's http input: json, and time_format %iso8601")(answer);
}

function classifyServerError(answer: ReceiverAnswer): Delivery {
  if (TOO_LARGE_FOR_CHUNK.test(answer.text)) {
    return rejected("raise chunk_limit_size of the output's buffer")(answer);
  }
  return BUFFER_FULL.test(answer.text) ? retry(answer) : { ...retry(answer), suspect: true };
}

function retry(answer: ReceiverAnswer): Delivery & { kind: "retry" } {
  const afterMs = parseRetryAfter(answer.retryAfter);
  const reason = describe(answer);
  return afterMs === undefined ? { kind: "retry", reason } : { kind: "retry", reason, afterMs };
}

/** @param remedy What to look at when all events are refused. */
function rejected(remedy = "look at what the receiver expects"): Classify {
  return (answer) => ({ kind: "rejected", reason: describe(answer), remedy });
}

function misconfigured(cause: string, remedy: string): Classify {
  return (answer) => ({
    kind: "misconfigured",
    reason: `${cause} (${describe(answer)})`,
    remedy,
  });
}

function describe({ status, text }: ReceiverAnswer): string {
  // Of a page for people, as proxies send it, its title says as much.
  const [, title] = /<title>([^<]*)</i.exec(text) ?? [];
  const quoted = quotePeer(title ?? text);
  const words = quoted.startsWith(`${status} `) ? quoted.slice(4) : quoted;
  return words === "" ? `HTTP ${status}` : `HTTP ${status}: ${words}`;
}

/** Reads a `Retry-After` in seconds. The form with a date needs a clock that agrees; it is ignored. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null || !/^\d{1,9}$/.test(value.trim())) return undefined;
  return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
}
