import { Fault } from "../core/fault.ts";
import { failed, type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import {
  describePem,
  formatExpiry,
  nameOf,
  organizationOf,
  parseCertificates,
} from "../tls/certificate_facts.ts";
import {
  readTeleportCredentials,
  type TeleportCredentialPaths,
  type TeleportCredentials,
} from "./credentials.ts";

/** What a look at the credentials brought. */
export interface CredentialFacts {
  readonly finding: Finding;
  /** They may be used. */
  readonly credentials?: TeleportCredentials;
}

/** Less than this is worth a word, unless somebody renews the identity. */
const SHORT_MS = 7 * 86_400_000;

/** Reads the credentials for Teleport as a start does, and says what is in them. Never throws. */
export async function inspectTeleportCredentials(
  paths: TeleportCredentialPaths,
  nowMs: number,
): Promise<CredentialFacts> {
  try {
    const credentials = await readTeleportCredentials(paths, nowMs);
    return { credentials, finding: describeCredentials(credentials, nowMs) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { finding: await findSwap(paths) ?? findingOfFault(error) };
  }
}

function describeCredentials(
  credentials: TeleportCredentials,
  nowMs: number,
): Finding {
  const { authorities, certificate, notAfterMs, user } = credentials;
  const [own] = parseCertificates(certificate);
  const held = authorities.flatMap(parseCertificates);
  const cluster = own === undefined ? undefined : organizationOf(own.issuer);
  const signer = cluster ?? (own === undefined ? "" : nameOf(own.issuer));
  // The authority of users is not in an identity; its cluster is told by its organization.
  const clusters = held.flatMap((authority) => organizationOf(authority.subject) ?? []);
  const text = `User '${user}' of cluster '${signer}' until ${formatExpiry(notAfterMs, nowMs)}`;
  const details = [
    `The key belongs to the certificate; ${authorities.length} authorit${
      authorities.length === 1 ? "y" : "ies"
    } of the cluster`,
  ];
  if (own !== undefined && Date.parse(own.validFrom) > nowMs) {
    return failed(
      "credentials",
      `The certificate for Teleport is good only from ${new Date(own.validFrom).toISOString()} on`,
      { advice: "Check the clock of this machine", details },
    );
  }
  if (cluster !== undefined && clusters.length > 0 && !clusters.includes(cluster)) {
    return warning(`${text}, but the authorities are those of '${clusters.join("', '")}'`, {
      advice: "Certificate and authorities should come from the same cluster",
      details,
    });
  }
  // The users of tbot are called so; it renews what it writes.
  if (!user.startsWith("bot-") && notAfterMs - nowMs < SHORT_MS) {
    return warning(text, {
      advice: "Sign one that lasts longer (--ttl=8760h), or let tbot renew it",
      details,
    });
  }
  return ok(text, { details });
}

/** Certificate and key in each other's place are the commonest mix-up, and easy to say. */
async function findSwap(paths: TeleportCredentialPaths): Promise<Finding | undefined> {
  if ("identity" in paths) return undefined;
  const read = (path: string) => Deno.readTextFile(path).then(describePem, () => "neither");
  const [certificate, key] = [await read(paths.certificate), await read(paths.key)];
  if (certificate !== "private key" || key !== "certificate") return undefined;
  return failed(
    "credentials",
    "teleport.cert names a private key, and teleport.key a certificate",
    {
      advice: "Swap the two settings",
    },
  );
}
