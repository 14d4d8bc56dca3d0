import { failed, type Finding, ok, warning } from "../core/finding.ts";
import type { Clock } from "../core/clock.ts";
import type { FaultKind } from "../core/fault.ts";
import type { FindHttpProxy } from "../core/http_proxy.ts";
import { probeTls } from "../tls/tls_probe.ts";
import { toHttpClientProxy } from "../tls/http_client_proxy.ts";
import { destinationOf } from "./destination.ts";
import type { ReceiverTls } from "./lane.ts";
import { classifyNetworkError } from "./network_fault.ts";
import { endpointOf } from "./receiver_probe.ts";
import { classifyResponse } from "./response.ts";

/** Where to post. */
export interface ReceiverPostOptions {
  readonly url: string;
  readonly tls: ReceiverTls;
  /** Says by which HTTP proxy a destination is reached. @default {by none} */
  readonly findHttpProxy?: FindHttpProxy;
  readonly userAgent: string;
  readonly clock: Clock;
}

/** What a post of no events brought. */
export interface ReceiverPostProbe {
  readonly finding: Finding;
  /** Time that the receiver gave in its answer. */
  readonly dateMs?: number | undefined;
}

/** Refusals of our certificate, in the words of the table of network faults. */
const OUR_CERTIFICATE = /client certificate/;
/** Fluentd of TLS 1.2 has no better word for a certificate that it misses. */
const HANDSHAKE_FAILURE = /fatal alert: HandshakeFailure/;
const CLOSED = /closed|reset by peer/i;
/** The time that the runtime takes to close a connection in good order, or Fluentd logs a warning. */
const FAREWELL_MS = 100;
/** The time for a word about our certificate that a request would cut off. */
const LINGER_MS = 1500;
/** What a receiver that refuses us may do instead of saying so. */
const ADVICE = "Look into Fluentd's log";
const UNKNOWN_CLIENT =
  "It must be signed by the authority that Fluentd's ca_path names; copy both from one configure";

/** Posts an empty array, which Fluentd and the like take and store nothing of. Never throws. */
export async function probeReceiverPost(
  options: ReceiverPostOptions,
  signal: AbortSignal,
): Promise<ReceiverPostProbe> {
  const { clock, url } = options;
  try {
    const { answer, dateMs, status } = await post(options, signal);
    await clock.sleep(FAREWELL_MS);
    return { finding: judgeAnswer(status, answer), dateMs };
  } catch (error) {
    if (signal.aborted) {
      return { finding: failed("unavailable", "Fluentd gives no answer", { advice: ADVICE }) };
    }
    const delivery = classifyNetworkError(error);
    if (delivery.kind !== "retry" || !CLOSED.test(delivery.reason) || !isHttps(url)) {
      return { finding: judgeError(error, options) };
    }
    return { finding: await judgeClosed(options, signal) ?? judgeError(error, options) };
  }
}

async function post(
  { findHttpProxy, tls, url, userAgent }: ReceiverPostOptions,
  signal: AbortSignal,
) {
  using client = Deno.createHttpClient({
    ...toHttpClientProxy(findHttpProxy?.(destinationOf(url))),
    ...tls.client,
    caCerts: [...tls.caCerts],
    http2: false,
  });
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "user-agent": userAgent },
    body: "[]",
    client,
    redirect: "manual",
    signal,
  });
  const { headers, status } = response;
  const dateMs = Date.parse(headers.get("date") ?? "");
  return {
    status,
    answer: {
      retryAfter: headers.get("retry-after"),
      location: headers.get("location"),
      text: await response.text().catch(() => ""),
    },
    dateMs: isNaN(dateMs) ? undefined : dateMs,
  };
}

/**
 * Asks again why the connection was closed: a server of TLS 1.3 says what it thinks of our certificate
 * after the handshake, and its word is lost where a request is on the way already.
 */
async function judgeClosed(
  options: ReceiverPostOptions,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const { findHttpProxy, tls, url } = options;
  const { client } = tls;
  const probe = await probeTls({
    ...endpointOf(url),
    authorities: tls.caCerts,
    httpProxy: findHttpProxy?.(destinationOf(url)),
    client: client === undefined ? undefined : { certificate: client.cert, key: client.key },
    lingers: true,
  }, AbortSignal.any([signal, AbortSignal.timeout(LINGER_MS)]));
  const rejection = probe.kind === "certificate" ? probe.rejection : undefined;
  if (rejection === undefined) return undefined;
  if (/fatal alert/.test(rejection)) return judgeError(new Error(rejection), options);
  const details = [rejection];
  return client === undefined
    ? failed("config", "Fluentd closes the connection; it may demand a client certificate", {
      advice: "Set fluentd.cert and fluentd.key",
      details,
    })
    : failed(
      "credentials",
      "Fluentd closes the connection as soon as it has seen our certificate",
      {
        advice: UNKNOWN_CLIENT,
        details,
      },
    );
}

function isHttps(url: string): boolean {
  return new URL(url).protocol === "https:";
}

function judgeAnswer(
  status: number,
  answer: Omit<Parameters<typeof classifyResponse>[0], "status">,
): Finding {
  const delivery = classifyResponse({ status, ...answer });
  switch (delivery.kind) {
    case "delivered":
      return ok(`An empty list of events is taken (HTTP ${status})`);
    case "rejected":
      return warning(`The receiver does not like an empty list of events: ${delivery.reason}`, {
        advice: "That alone is no harm: see whether events are taken",
      });
    case "retry":
      return failed("unavailable", `The receiver is not ready: ${delivery.reason}`, {
        advice: ADVICE,
      });
    case "misconfigured":
      return failed("config", `The receiver refuses: ${delivery.reason}`, {
        advice: capitalize(delivery.remedy ?? "check fluentd.url, its path above all"),
      });
  }
}

function judgeError(
  error: unknown,
  { findHttpProxy, tls, url }: ReceiverPostOptions,
): Finding {
  const delivery = classifyNetworkError(error, findHttpProxy?.(destinationOf(url)));
  const reason = delivery.kind === "delivered" ? "" : delivery.reason;
  if (HANDSHAKE_FAILURE.test(reason)) {
    return tls.client === undefined
      ? failed("config", "Fluentd demands a client certificate, and none is set", {
        advice: "Set fluentd.cert and fluentd.key",
        details: [reason],
      })
      : failed("credentials", "Fluentd does not accept the TLS handshake", {
        advice: "Check that Fluentd's ca_path holds the authority of fluentd.cert",
        details: [reason],
      });
  }
  if (delivery.kind === "retry" && CLOSED.test(reason)) {
    return failed("unavailable", "Fluentd closed the connection without an answer", {
      advice: ADVICE,
      details: [reason],
    });
  }
  const [, text = reason, detail] = /^(.*?)(?: \((.*)\))?$/s.exec(reason) ?? [];
  const details = detail === undefined ? [] : [detail];
  const [head = text, advice] = text.split("; ");
  const fault: FaultKind = delivery.kind === "retry"
    ? "unavailable"
    : OUR_CERTIFICATE.test(head)
    ? "credentials"
    : "config";
  return failed(fault, delivery.kind === "retry" ? `Cannot post to Fluentd: ${head}` : head, {
    advice: advice === undefined ? adviceFor(head) : advice[0]!.toUpperCase() + advice.slice(1),
    details,
  });
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function adviceFor(text: string): string {
  return OUR_CERTIFICATE.test(text) ? UNKNOWN_CLIENT : ADVICE;
}
