import { formatError } from "../../core/fault.ts";
import { quotePeer } from "../../core/quote_peer.ts";
import type { Endpoint } from "../../tls/connect_problem.ts";
import { toHttpClientProxy } from "../../tls/http_client_proxy.ts";
import { ADDRESS_HINT } from "../tls_causes.ts";
import { isRoutable } from "./cluster_protocol.ts";
import { OLDEST_MAJOR, parseMajor } from "../server_version.ts";
import type { TeleportNetwork } from "./route.ts";
import { NoAnswerInTime, type RouteProblem } from "./route_problem.ts";
import { findWebCertificateCause } from "./web_certificate_cause.ts";

/** What a proxy says about its cluster. */
export interface ProxyFacts {
  readonly cluster: string;
  readonly version: string;
  readonly hasTlsRouting: boolean;
}

/** More than any proxy says. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * Asks a proxy who it is, at /webapi/ping. The web certificate must be trusted.
 *
 * @throws {Fault} of kind `config` when an HTTP proxy or SSL_CERT_FILE is set wrongly.
 */
export async function askProxy(
  { host, port }: Endpoint,
  network: TeleportNetwork,
  signal: AbortSignal,
): Promise<ProxyFacts | RouteProblem> {
  const httpProxy = network.findHttpProxy({ protocol: "https:", host, port });
  const caCerts = [...await network.readWebAuthorities()];
  const name = host.includes(":") ? `[${host}]` : host;
  try {
    using client = Deno.createHttpClient({
      caCerts,
      http2: false,
      ...toHttpClientProxy(httpProxy),
    });
    const response = await fetch(`https://${name}:${port}/webapi/ping`, {
      client,
      signal,
      redirect: "manual",
    });
    const text = await readLimited(response);
    if (text === undefined) {
      return otherService(`it answers /webapi/ping with more than ${MAX_ANSWER_BYTES} bytes`);
    }
    return response.status === 200 ? parseAnswer(text) : answerOfStatus(response.status);
  } catch (error) {
    if (signal.aborted) {
      const reason = signal.reason instanceof NoAnswerInTime ? signal.reason.message : "no answer";
      const hint = "The proxy, or what is before it, hangs";
      return { text: `/webapi/ping: ${reason}`, hint, isLasting: false, isFinal: false };
    }
    return explainFailure(error);
  }
}

async function readLimited(response: Response): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function parseAnswer(text: string): ProxyFacts | RouteProblem {
  const answer = parseObject(text);
  if (answer === undefined) {
    return otherService(
      /^\s*</.test(text)
        ? "it answers /webapi/ping with a web page"
        : "it answers /webapi/ping with no object of JSON",
    );
  }
  const { cluster_name: cluster, proxy, server_version: version } = answer;
  if (typeof cluster !== "string" || typeof version !== "string" || cluster === "") {
    return otherService("its answer to /webapi/ping names no cluster");
  }
  if (!isRoutable(cluster)) {
    return otherService("the name of its cluster is too long");
  }
  if (parseMajor(version) < OLDEST_MAJOR) {
    return {
      text: `the proxy is of Teleport ${quotePeer(version)}, which is too old`,
      hint: `Teleport ${OLDEST_MAJOR} or newer is needed`,
      isLasting: true,
      isFinal: true,
    };
  }
  const hasTlsRouting = isObject(proxy) && proxy["tls_routing_enabled"] === true;
  return { cluster, version, hasTlsRouting };
}

function parseObject(text: string): { readonly [key: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function answerOfStatus(status: number): RouteProblem {
  const text = `it answers /webapi/ping with HTTP ${status}`;
  return status >= 500 || status === 429
    ? {
      text,
      hint: "The load balancer does not reach the proxy, or the proxy is overloaded",
      isLasting: false,
      isFinal: false,
    }
    : otherService(text);
}

function otherService(text: string): RouteProblem {
  return {
    text: `${text}, as no Teleport proxy does`,
    hint: ADDRESS_HINT,
    isLasting: true,
    isFinal: false,
  };
}

function explainFailure(error: unknown): RouteProblem {
  // The head names the URL, which is known.
  const text = formatError(error).replace(/^error sending request .*?: (?=client error)/, "");
  const known = findWebCertificateCause(text);
  if (known !== undefined) {
    return { text: known.text, hint: known.hint, isLasting: true, isFinal: false };
  }
  return /fatal alert: NoApplicationProtocol/.test(text)
    ? otherService("it does not speak HTTP")
    : { text: `/webapi/ping: ${quotePeer(text)}`, isLasting: false, isFinal: false };
}
