import { failed, type Finding, ok, warning } from "../core/finding.ts";
import type { FaultKind } from "../core/fault.ts";
import type { ReceiverTls } from "./lane.ts";
import { classifyNetworkError } from "./network_fault.ts";
import { classifyResponse } from "./response.ts";

/** Where to post. */
export interface ReceiverPostOptions {
  readonly url: string;
  readonly tls: ReceiverTls;
  readonly userAgent: string;
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
/** What a receiver that refuses us may do instead of saying so. */
const ADVICE = "Look into Fluentd's log";

/** Posts an empty array, which Fluentd and the like take and store nothing of. Never throws. */
export async function probeReceiverPost(
  options: ReceiverPostOptions,
  signal: AbortSignal,
): Promise<ReceiverPostProbe> {
  const { tls, url, userAgent } = options;
  using client = Deno.createHttpClient({
    ...tls.client,
    caCerts: [...tls.caCerts],
    http2: false,
  });
  try {
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
    const finding = judgeAnswer(status, {
      retryAfter: headers.get("retry-after"),
      location: headers.get("location"),
      text: await response.text().catch(() => ""),
    });
    return { finding, dateMs: isNaN(dateMs) ? undefined : dateMs };
  } catch (error) {
    if (signal.aborted) {
      return { finding: failed("unavailable", "Fluentd gives no answer", { advice: ADVICE }) };
    }
    return { finding: judgeError(error, tls) };
  }
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
        advice: "Check fluentd.url, its path above all",
      });
  }
}

function judgeError(error: unknown, tls: ReceiverTls): Finding {
  const delivery = classifyNetworkError(error);
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
  if (CLOSED.test(reason)) {
    return failed("unavailable", "Fluentd closed the connection without an answer", {
      advice: tls.client === undefined
        ? ADVICE
        : `It may not accept the client certificate, or be stopping. ${ADVICE}`,
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

function adviceFor(text: string): string {
  return OUR_CERTIFICATE.test(text)
    ? "It must be signed by the authority that Fluentd's ca_path names; copy both from one configure"
    : ADVICE;
}
