import { failed, type Finding, ok } from "../core/finding.ts";
import { formatExpiry, nameOf, organizationOf } from "../tls/certificate_facts.ts";
import {
  findServerCertificateProblem,
  type ServerCertificateProblem,
} from "../tls/server_certificate_problem.ts";
import { probeTls, type TlsProbe } from "../tls/tls_probe.ts";
import type { TeleportKeyMaterial } from "./identity_file.ts";
import { AUTH_SERVER_NAME } from "./server_identity.ts";

/** Whom to ask, and by what to judge. */
export interface AuthServerProbeOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: TeleportKeyMaterial;
  /** What holds the authorities: `the identity` or `teleport.ca`. */
  readonly authoritySetting: string;
  readonly nowMs: number;
}

const ADDRESS_ADVICE =
  "teleport.addr must be the address of the auth server, as a rule with port 3025, or of a proxy";

/** Alerts of servers that know neither the name nor the protocol of an auth server. */
const OTHER_SERVICE = /fatal alert: (NoApplicationProtocol|Unrecogni[sz]edName)/i;

/**
 * Goes the way to the auth server: its name, a TCP connection, a TLS handshake, its certificate, and
 * what it says to ours. Never throws.
 */
export async function probeAuthServer(
  options: AuthServerProbeOptions,
  signal: AbortSignal,
): Promise<Finding> {
  const { credentials, host, port } = options;
  const tls = await probeTls({
    host,
    port,
    serverName: AUTH_SERVER_NAME,
    protocols: ["h2"],
    authorities: credentials.authorities,
    client: credentials,
    lingers: true,
  }, signal);
  if (tls.kind !== "certificate") return findingOfNoCertificate(tls, options);
  const { address, certificate, distrust, protocol, rejection } = tls;
  const problem = findServerCertificateProblem(certificate, {
    host: AUTH_SERVER_NAME,
    authorities: credentials.authorities,
    authoritySetting: options.authoritySetting,
    distrust,
    nowMs: options.nowMs,
  });
  if (problem !== undefined) return findingOfProblem(problem, options);
  if (rejection !== undefined) return findingOfRejection(rejection);
  if (protocol !== "h2") {
    return failed("config", `Port ${port} of ${host} does not speak gRPC`, {
      advice: ADDRESS_ADVICE,
    });
  }
  const cluster = organizationOf(certificate.issuer) ?? nameOf(certificate.issuer);
  const until = formatExpiry(Date.parse(certificate.validTo), options.nowMs);
  return ok(`Directly, at ${address} port ${port}; both sides accept each other`, {
    details: [`The server's certificate is of the cluster '${cluster}' and good until ${until}`],
  });
}

function findingOfNoCertificate(
  tls: Exclude<TlsProbe, { kind: "certificate" }>,
  { host, port }: AuthServerProbeOptions,
): Finding {
  switch (tls.kind) {
    case "unconnected":
      return failed("unavailable", tls.problem.text, { advice: tls.problem.advice });
    case "silent":
      return failed("unavailable", `Port ${port} of ${host} takes connections and says nothing`, {
        advice: `${ADDRESS_ADVICE}; or the server hangs`,
      });
    case "plain":
      return failed(
        "config",
        tls.answer === "ssh"
          ? `Port ${port} of ${host} speaks SSH, not TLS`
          : `Port ${port} of ${host} does not speak TLS`,
        { advice: ADDRESS_ADVICE, details: [tls.text] },
      );
    case "refused":
      return OTHER_SERVICE.test(tls.text)
        ? failed("config", `Port ${port} of ${host} speaks TLS, but is no auth server`, {
          advice: ADDRESS_ADVICE,
          details: [tls.text],
        })
        : failed("unavailable", `Port ${port} of ${host} broke off the TLS handshake`, {
          advice: ADDRESS_ADVICE,
          details: [tls.text],
        });
  }
}

function findingOfProblem(
  problem: ServerCertificateProblem,
  { authoritySetting, host, port }: AuthServerProbeOptions,
): Finding {
  switch (problem.kind) {
    case "host":
      return failed(
        "config",
        `${host}:${port} is no auth server: its certificate ${problem.text}`,
        {
          advice: ADDRESS_ADVICE,
        },
      );
    case "dates":
      return failed("unavailable", `The certificate of the auth server ${problem.text}`, {
        advice: "Check the clock of this machine first, then that of the auth server",
      });
    case "untrusted":
      return failed("credentials", `The certificate of the auth server ${problem.text}`, {
        advice:
          `${authoritySetting === "teleport.ca" ? "teleport.ca" : "The identity"} belongs to ` +
          "another cluster, or its authority was rotated; sign a new one there",
      });
  }
}

/** What a server says after the handshake is about our certificate. */
export function findingOfRejection(rejection: string): Finding {
  const details = [rejection];
  if (/fatal alert: CertificateExpired/.test(rejection)) {
    return failed("credentials", "The auth server says that our certificate has expired", {
      advice: "The clocks of the two machines differ, or the identity is old; sign a new one",
      details,
    });
  }
  if (/fatal alert/.test(rejection)) {
    return failed("credentials", "The auth server does not accept our certificate", {
      advice:
        "The identity was signed by another cluster, or before its authority was rotated; sign a new one",
      details,
    });
  }
  return failed(
    "credentials",
    "The auth server closed the connection as soon as it saw our certificate",
    {
      advice: "Most likely the identity was signed by another cluster; else see the server's log",
      details,
    },
  );
}
