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

/**
 * Statuses that say more than their class does. Evidence: shared behaviour of Fluentd's in_http, Fluent
 * Bit's in_http, Vector's http_server and Logstash's http input.
 */
const STATUSES: { readonly [status: number]: (answer: ReceiverAnswer) => Delivery } = {
  400: rejected,
  401: (answer) => misconfigured(answer, "the receiver demands other credentials"),
  403: (answer) => misconfigured(answer, "the receiver forbids it"),
  404: (answer) => misconfigured(answer, "the path of the URL is not known there"),
  405: (answer) => misconfigured(answer, "the URL does not take POST"),
  407: (answer) => misconfigured(answer, "a proxy demands credentials"),
  408: retry,
  410: (answer) => misconfigured(answer, "the path of the URL is gone"),
  411: (answer) => misconfigured(answer, "the receiver does not take this kind of request"),
  413: rejected,
  414: (answer) => misconfigured(answer, "the URL is too long"),
  415: rejected,
  417: (answer) => misconfigured(answer, "the receiver does not take this kind of request"),
  421: (answer) => misconfigured(answer, "the URL does not belong to this receiver"),
  422: rejected,
  425: retry,
  429: retry,
  431: (answer) => misconfigured(answer, "the headers are too large for the receiver"),
  500: classifyServerError,
  501: (answer) => misconfigured(answer, "the receiver does not take this kind of request"),
  502: retry,
  503: retry,
  504: retry,
  505: (answer) => misconfigured(answer, "the receiver does not take this kind of request"),
  507: retry,
};

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
    return misconfigured(answer, `the receiver redirects${target}; redirects are not followed`);
  }
  return status >= 500 ? { ...retry(answer), suspect: true } : rejected(answer);
}

function classifyServerError(answer: ReceiverAnswer): Delivery {
  if (TOO_LARGE_FOR_CHUNK.test(answer.text)) return rejected(answer);
  return BUFFER_FULL.test(answer.text) ? retry(answer) : { ...retry(answer), suspect: true };
}

function retry(answer: ReceiverAnswer): Delivery & { kind: "retry" } {
  const afterMs = parseRetryAfter(answer.retryAfter);
  const reason = describe(answer);
  return afterMs === undefined ? { kind: "retry", reason } : { kind: "retry", reason, afterMs };
}

function rejected(answer: ReceiverAnswer): Delivery {
  return { kind: "rejected", reason: describe(answer) };
}

function misconfigured(answer: ReceiverAnswer, cause: string): Delivery {
  return { kind: "misconfigured", reason: `${cause} (${describe(answer)})` };
}

function describe({ status, text }: ReceiverAnswer): string {
  const quoted = quotePeer(text);
  const words = quoted.startsWith(`${status} `) ? quoted.slice(4) : quoted;
  return words === "" ? `HTTP ${status}` : `HTTP ${status}: ${words}`;
}

/** Reads a `Retry-After` in seconds. The form with a date needs a clock that agrees; it is ignored. */
function parseRetryAfter(value: string | null): number | undefined {
  if (value === null || !/^\d{1,9}$/.test(value.trim())) return undefined;
  return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
}
