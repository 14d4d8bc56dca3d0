import { Buffer } from "node:buffer";
import { organizationOf, parseCertificates } from "../../tls/certificate_facts.ts";

/** Longest name of a protocol in a TLS handshake (RFC 7301). */
const MAX_PROTOCOL_BYTES = 255;

/** The protocol by which a proxy passes TLS on to the auth service of a cluster (api/utils, lib/auth). */
export function alpnProtocolFor(cluster: string): string {
  const hex = Buffer.from(cluster, "utf8").toString("hex");
  return `teleport-auth@${hex}.teleport.cluster.local`;
}

/** Whether a cluster of this name can be asked for. */
export function isRoutable(cluster: string): boolean {
  return cluster !== "" && alpnProtocolFor(cluster).length <= MAX_PROTOCOL_BYTES;
}

/** The names of the clusters that authorities belong to. */
export function clustersOf(authorities: readonly string[]): readonly string[] {
  const names = authorities.flatMap(parseCertificates)
    .flatMap((authority) => organizationOf(authority.subject) ?? []);
  return [...new Set(names)];
}
