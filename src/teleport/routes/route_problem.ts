import { Fault, formatError } from "../../core/fault.ts";
import { quotePeer } from "../../core/quote_peer.ts";
import {
  describeConnectProblem,
  describeSilence,
  type Endpoint,
} from "../../tls/connect_problem.ts";
import { HttpProxyError } from "../../tls/http_tunnel.ts";
import { TlsFailure } from "../../tls/open_tls.ts";
import { ADDRESS_HINT, findTlsCause } from "../tls_causes.ts";
import { UpgradeError } from "./connection_upgrade.ts";
import type { Route } from "./route.ts";

/** Why a way does not work. */
export interface RouteProblem {
  /** In words that go on after a colon, without a period. */
  readonly text: string;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** Somebody must change something; waiting alone does not help. */
  readonly isLasting: boolean;
  /** No other way at this address can do better. */
  readonly isFinal: boolean;
}

/** What a time limit ends an attempt with. */
export class NoAnswerInTime extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs / 1000} s`);
    this.name = "NoAnswerInTime";
  }
}

/** The server knows us and does not want us, or does not speak TLS at all. */
const FINAL = /client certificate|has expired|does not speak TLS/;
/** Alerts of servers that know neither the name nor the protocol that was asked for. */
const OTHER_SERVICE = /NoApplicationProtocol|Unrecogni[sz]edName|HandshakeFailure|InternalError/i;

/** Says why going a way failed. */
export function explainRouteFailure(error: unknown, route: Route): RouteProblem {
  if (error instanceof HttpProxyError) {
    return { text: error.message, hint: error.advice, isLasting: false, isFinal: true };
  }
  if (error instanceof UpgradeError) {
    return {
      text: lowerFirst(error.message),
      hint: error.advice,
      isLasting: false,
      isFinal: false,
    };
  }
  if (error instanceof Fault) return explainFault(error);
  if (!(error instanceof TlsFailure)) {
    return { text: formatError(error), isLasting: false, isFinal: false };
  }
  return error.wasConnected ? explainHandshake(error, route) : explainConnect(error, route);
}

/** A setting or variable that is wrong, as the reason why a way does not work. */
export function explainFault({ hint, message }: Fault): RouteProblem {
  return { text: lowerFirst(message), hint, isLasting: true, isFinal: false };
}

function explainConnect(error: TlsFailure, endpoint: Endpoint): RouteProblem {
  const { advice, kind, text } = error.cause instanceof NoAnswerInTime
    ? describeSilence(endpoint)
    : describeConnectProblem(endpoint, error.message);
  // Of a port where nobody listens more is said by whoever knows where the address came from.
  const hint = kind === "refused" ? undefined : advice;
  const words = text.includes(error.message) ? text : `${text} (${error.message})`;
  return { text: lowerFirst(words), hint, isLasting: false, isFinal: true };
}

function explainHandshake(error: TlsFailure, { host, kind, port }: Route): RouteProblem {
  if (error.cause instanceof NoAnswerInTime) {
    const hint = `${ADDRESS_HINT}; or what listens there hangs`;
    const text = `port ${port} of ${host} takes connections and says nothing`;
    return { text, hint, isLasting: false, isFinal: kind === "direct" };
  }
  const cause = findTlsCause(`${error.message} ${codeOf(error.cause)}`);
  if (cause !== undefined) {
    const { hint, message } = cause;
    return { text: message, hint, isLasting: true, isFinal: FINAL.test(message) };
  }
  if (OTHER_SERVICE.test(error.message)) {
    const text = `port ${port} of ${host} speaks TLS, but knows no auth server (${error.message})`;
    return { text, hint: ADDRESS_HINT, isLasting: true, isFinal: false };
  }
  if (/ECONNRESET|closed|disconnected/i.test(`${error.message} ${codeOf(error.cause)}`)) {
    const text = `port ${port} of ${host} closes the connection in the TLS handshake`;
    const hint = `${ADDRESS_HINT}; a load balancer that does not know the name does this too`;
    return { text, hint, isLasting: false, isFinal: false };
  }
  return { text: quotePeer(error.message), isLasting: false, isFinal: false };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Texts of other places begin a sentence. */
function lowerFirst(text: string): string {
  return /^[A-Z][a-z ]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}
