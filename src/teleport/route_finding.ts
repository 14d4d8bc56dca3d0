import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import { failed, type Finding, findingOfFault, ok } from "../core/finding.ts";
import { formatExpiry, nameOf, organizationOf } from "../tls/certificate_facts.ts";
import { findingOfRejection, probeAuthServer } from "./auth_server_finding.ts";
import type { TeleportKeyMaterial } from "./identity_file.ts";
import { describeFailedSearch } from "./routes/failed_search.ts";
import { describeRoute, type Route, type TeleportNetwork } from "./routes/route.ts";
import { ADDRESS_HINT } from "./tls_causes.ts";
import { type PortAttempts, searchPorts, type TeleportAddress } from "./routes/search_ports.ts";
import { type FoundRoute, searchRoute } from "./routes/search_route.ts";

/** Whom to reach, and by what to judge. */
export interface RouteProbeOptions {
  readonly address: TeleportAddress;
  readonly credentials: TeleportKeyMaterial;
  readonly network: TeleportNetwork;
  readonly clock: Clock;
  /** What holds the authorities: `the identity` or `teleport.ca`. */
  readonly authoritySetting: string;
}

/** What a search for the way to Teleport brought. */
export interface RouteProbe {
  readonly finding: Finding;
  /** The way, where one works. */
  readonly route?: Route;
}

/** Several attempts have to fit into the time of a check. */
const ATTEMPT_MS = 3500;
/** The time in which a server that refuses our certificate says so; one that takes it speaks at once. */
const LINGER_MS = 3000;

/** Searches the way to the auth service as a start does, and says which one it is. Never throws. */
export async function probeRoute(
  options: RouteProbeOptions,
  signal: AbortSignal,
): Promise<RouteProbe> {
  const { address, clock, credentials, network } = options;
  let found: FoundRoute | readonly PortAttempts[];
  try {
    found = await searchPorts(
      address,
      (port, signal) =>
        searchRoute(
          { host: address.host, port },
          { credentials, network, clock, attemptMs: ATTEMPT_MS },
          signal,
        ),
      { clock, signal },
    );
  } catch (error) {
    if (error instanceof Fault) return { finding: findingOfFault(error) };
    return { finding: failed("unavailable", `No answer from Teleport: ${formatError(error)}`) };
  }
  return "socket" in found
    ? await judgeFound(found, options, signal)
    : { finding: await explainFailure(found, options, signal) };
}

async function judgeFound(
  { route, socket }: FoundRoute,
  { clock }: RouteProbeOptions,
  signal: AbortSignal,
): Promise<RouteProbe> {
  const { raw } = socket.getPeerCertificate();
  const { remoteAddress } = socket;
  const rejection = await hearRejection(socket, { clock, signal });
  if (rejection !== undefined) return { finding: findingOfRejection(rejection) };
  const certificate = new X509Certificate(raw);
  const cluster = organizationOf(certificate.issuer) ?? nameOf(certificate.issuer);
  const until = formatExpiry(Date.parse(certificate.validTo), clock.nowMs());
  const isPlain = route.kind === "direct" && route.httpProxy === undefined;
  const way = isPlain
    ? `Directly, at ${remoteAddress ?? route.host} port ${route.port}`
    : capitalize(describeRoute(route));
  const finding = ok(`${way}; both sides accept each other`, {
    details: [`The server's certificate is of the cluster '${cluster}' and good until ${until}`],
  });
  return { finding, route };
}

/** What the server says against our certificate after the handshake; undefined when it begins to work. */
function hearRejection(
  socket: TLSSocket,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const ended = new AbortController();
    const end = (rejection: string | undefined) => {
      ended.abort();
      signal.removeEventListener("abort", accept);
      socket.off("close", close);
      socket.end();
      socket.destroy();
      resolve(rejection);
    };
    const accept = () => end(undefined);
    const close = () => end("the connection was closed");
    signal.addEventListener("abort", accept, { once: true });
    clock.sleep(LINGER_MS, ended.signal).then(accept, () => {});
    socket.once("data", accept).once("error", (error) => end(formatError(error)));
    socket.on("close", close);
  });
}

/** An auth server is looked at more closely than a start does. */
async function explainFailure(
  tried: readonly PortAttempts[],
  options: RouteProbeOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const { address, clock } = options;
  const { hint, isLasting, lines, text } = describeFailedSearch(address, tried);
  const [only, ...others] = tried;
  const httpProxy = options.network.findHttpProxy({ protocol: "https:", ...address });
  const isProxy = only?.attempts.some(({ isOfProxy }) => isOfProxy) ?? false;
  if (only !== undefined && others.length === 0 && httpProxy === undefined && !isProxy) {
    const endpoint = { host: address.host, port: only.port };
    const finding = await probeAuthServer(
      { ...options, ...endpoint, nowMs: clock.nowMs() },
      signal,
    );
    if (finding.status !== "ok") {
      const isGuess = only.attempts.length > 1 && hint !== undefined && hint !== ADDRESS_HINT;
      const advice = [finding.advice, isGuess ? `If it is a proxy: ${hint}` : undefined]
        .filter((part) => part !== undefined).join(". ");
      return { ...finding, advice, details: [...new Set([...finding.details ?? [], ...lines])] };
    }
  }
  return failed(isLasting ? "config" : "unavailable", capitalize(text), {
    ...(hint === undefined ? {} : { advice: hint }),
    details: lines,
  });
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
