import { failed, type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import { Fault } from "../core/fault.ts";
import type { FindHttpProxy, HttpProxy } from "../core/http_proxy.ts";
import { formatExpiry } from "../tls/certificate_facts.ts";
import {
  findServerCertificateProblem,
  type ServerCertificateProblem,
} from "../tls/server_certificate_problem.ts";
import type { Endpoint } from "../tls/connect_problem.ts";
import { probePlain } from "../tls/plain_probe.ts";
import { probeTls, type TlsProbe } from "../tls/tls_probe.ts";
import { destinationOf } from "./destination.ts";
import type { ReceiverTls } from "./lane.ts";

/** Which receiver to look at, and by what to judge. */
export interface ReceiverProbeOptions {
  readonly url: string;
  /** Name of the setting that holds the URL. */
  readonly setting: "fluentd.url" | "fluentd.session-url";
  readonly tls: ReceiverTls;
  /** Says by which HTTP proxy a destination is reached. @default {by none} */
  readonly findHttpProxy?: FindHttpProxy;
  readonly nowMs: number;
}

const SOON_MS = 14 * 86_400_000;

/** Where a URL leads to. */
export function endpointOf(url: string): Endpoint {
  const { host, port } = destinationOf(url);
  return { host, port };
}

/**
 * Goes the way to the receiver: its name, a connection, a TLS handshake, its certificate. No event is
 * sent. Never throws.
 */
export async function probeReceiver(
  options: ReceiverProbeOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const { nowMs, setting, tls: { caCerts, client }, url } = options;
  const { host, port } = endpointOf(url);
  let httpProxy: HttpProxy | undefined;
  try {
    httpProxy = options.findHttpProxy?.(destinationOf(url));
  } catch (error) {
    if (error instanceof Fault) return findingOfFault(error);
    throw error;
  }
  if (httpProxy !== undefined && new URL(url).protocol === "http:") {
    return ok(`${host} port ${port} is asked for through the HTTP proxy ${httpProxy.label}`);
  }
  if (new URL(url).protocol === "http:") {
    return await probePlainReceiver({ host, port }, options, signal);
  }
  const probe = await probeTls({
    host,
    port,
    authorities: caCerts,
    httpProxy,
    client: client === undefined ? undefined : { certificate: client.cert, key: client.key },
  }, signal);
  if (probe.kind !== "certificate") return findingOfNoCertificate(probe, options);
  const { address, certificate, distrust } = probe;
  const problem = findServerCertificateProblem(certificate, {
    host,
    authorities: caCerts,
    authoritySetting: "fluentd.ca",
    distrust,
    nowMs,
  });
  if (problem !== undefined) return findingOfProblem(problem, { host, setting });
  const notAfterMs = Date.parse(certificate.validTo);
  const until = formatExpiry(notAfterMs, nowMs);
  const place = httpProxy === undefined
    ? `At ${address} port ${port}`
    : `At port ${port}, through the HTTP proxy ${httpProxy.label}`;
  const text = `${place}; its certificate is good for ${host} until ${until}`;
  return notAfterMs - nowMs < SOON_MS
    ? warning(text, {
      advice: "Make a new one soon, and restart Fluentd: it reads it at start only",
    })
    : ok(text);
}

/** An http URL: whether the port would rather have TLS. */
async function probePlainReceiver(
  endpoint: Endpoint,
  { setting }: ReceiverProbeOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const { host, port } = endpoint;
  const answer = await probePlain(endpoint, signal);
  if (typeof answer !== "string") {
    return failed("unavailable", answer.text, { advice: `${answer.advice} (${setting})` });
  }
  if (answer === "http") return ok(`${host} port ${port} speaks HTTP, in clear as the URL says`);
  const { kind } = answer === "tls"
    ? { kind: "certificate" }
    : await probeTls({ ...endpoint, authorities: [] }, signal);
  return kind === "certificate"
    ? failed("config", `${setting} begins with http, and port ${port} speaks TLS`, {
      advice: `Write https in ${setting}`,
    })
    : failed("config", `Port ${port} of ${host} does not speak HTTP`, {
      advice: `Check the port in ${setting}`,
    });
}

function findingOfNoCertificate(
  probe: Exclude<TlsProbe, { kind: "certificate" }>,
  { setting, tls, url }: ReceiverProbeOptions,
): Finding {
  const { host, port } = endpointOf(url);
  switch (probe.kind) {
    case "unconnected":
      return failed("unavailable", probe.problem.text, {
        advice: `${probe.problem.advice} (${setting})`,
      });
    case "silent":
      return failed("unavailable", `Port ${port} of ${host} takes connections and says nothing`, {
        advice: `Check the port in ${setting}, and whether Fluentd hangs`,
      });
    case "plain":
      return probe.answer === "http"
        ? failed("config", `${setting} begins with https, and port ${port} speaks plain HTTP`, {
          advice: "Give Fluentd's source a <transport tls> section, or write http in the URL",
        })
        : failed("config", `Port ${port} of ${host} does not speak TLS`, {
          advice: `Check the port in ${setting}`,
          details: [probe.text],
        });
    case "refused":
      return tls.client === undefined
        ? failed(
          "config",
          "Fluentd broke off the TLS handshake; it may demand a client certificate",
          {
            advice: "Set fluentd.cert and fluentd.key",
            details: [probe.text],
          },
        )
        : failed("credentials", "Fluentd broke off the TLS handshake", {
          advice: "Check that Fluentd's ca_path holds the authority of fluentd.cert",
          details: [probe.text],
        });
  }
}

function findingOfProblem(
  problem: ServerCertificateProblem,
  { host, setting }: { host: string; setting: string },
): Finding {
  const text = `Fluentd's certificate ${problem.text}`;
  switch (problem.kind) {
    case "host":
      return failed("config", text, {
        advice: `Write a host of the certificate in ${setting}, or make one for ${host}: ` +
          "configure --dns-names or --ip",
      });
    case "dates":
      return failed("credentials", text, {
        advice: "Make a new one and restart Fluentd; or check the clock of this machine",
      });
    case "untrusted":
      return failed("credentials", text, {
        advice: "fluentd.ca must name the authority that signed Fluentd's certificate (cert_path)",
      });
  }
}
