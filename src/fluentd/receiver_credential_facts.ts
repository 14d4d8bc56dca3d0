import { Fault } from "../core/fault.ts";
import { failed, type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import {
  describePem,
  formatExpiry,
  isForServersOnly,
  nameOf,
  parseCertificates,
} from "../tls/certificate_facts.ts";
import { readReceiverTls, type ReceiverTlsPaths } from "./credentials.ts";
import type { ReceiverTls } from "./lane.ts";

/** What a look at the certificates brought. */
export interface ReceiverCredentialFacts {
  readonly finding: Finding;
  /** They may be used. */
  readonly tls?: ReceiverTls;
}

const SOON_MS = 14 * 86_400_000;
const RENEW = "Make new ones in time: configure --force, and copy them to Fluentd";

/** Reads the certificates for the receiver as a start does, and says what is in them. Never throws. */
export async function inspectReceiverCredentials(
  paths: ReceiverTlsPaths,
  nowMs: number,
): Promise<ReceiverCredentialFacts> {
  try {
    const tls = await readReceiverTls(paths, nowMs);
    const finding = describe(tls, nowMs);
    return finding.status === "failed" ? { finding } : { finding, tls };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { finding: await findSwap(paths) ?? findingOfFault(error) };
  }
}

function describe(tls: ReceiverTls, nowMs: number): Finding {
  const authorities = tls.caCerts.flatMap(parseCertificates);
  const details = authorities.map((authority) =>
    `Trusts '${nameOf(authority.subject)}' until ${
      Date.parse(authority.validTo) <= nowMs ? "it expired at " : ""
    }${formatExpiry(Date.parse(authority.validTo), nowMs)}`
  );
  if (authorities.length > 0 && authorities.every((a) => Date.parse(a.validTo) <= nowMs)) {
    const ended = new Date(authorities[0]!.validTo).toISOString();
    return failed("credentials", `The authority in fluentd.ca expired at ${ended}`, {
      advice: RENEW,
    });
  }
  if (tls.client === undefined) {
    return ok("No client certificate is set (fluentd.cert)", { details });
  }
  const [own] = parseCertificates(tls.client.cert);
  if (own === undefined) return ok("The client certificate is good", { details });
  const notAfterMs = Date.parse(own.validTo);
  if (Date.parse(own.validFrom) > nowMs) {
    const begin = new Date(own.validFrom).toISOString();
    return failed("credentials", `The client certificate is good only from ${begin} on`, {
      advice: "Check the clock of this machine",
    });
  }
  if (isForServersOnly(own)) {
    return failed(
      "credentials",
      `Certificate '${nameOf(own.subject)}' in fluentd.cert is one for servers`,
      {
        advice:
          "fluentd.cert must name the client's certificate: that of Fluentd itself will not do",
      },
    );
  }
  const text =
    `Client certificate '${nameOf(own.subject)}' until ${formatExpiry(notAfterMs, nowMs)}` +
    "; its key fits";
  return notAfterMs - nowMs < SOON_MS
    ? warning(text, { advice: RENEW, details })
    : ok(text, { details });
}

/** Certificate and key in each other's place are the commonest mix-up, and easy to say. */
async function findSwap({ client }: ReceiverTlsPaths): Promise<Finding | undefined> {
  if (client === undefined) return undefined;
  const read = (path: string) => Deno.readTextFile(path).then(describePem, () => "neither");
  const [certificate, key] = [await read(client.certificate), await read(client.key)];
  if (certificate !== "private key" || key !== "certificate") return undefined;
  return failed("credentials", "fluentd.cert names a private key, and fluentd.key a certificate", {
    advice: "Swap the two settings",
  });
}
