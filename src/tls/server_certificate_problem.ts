import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { hostsOf, nameOf, parseCertificates } from "./certificate_facts.ts";

/** Why a server's certificate is not good for us. */
export interface ServerCertificateProblem {
  readonly kind: "host" | "dates" | "untrusted";
  /** Goes on after "The certificate of … ": "is for …, not for …". */
  readonly text: string;
}

/** What a server's certificate is judged by. */
export interface ServerCertificateTerms {
  /** Name or address that it must be made for. */
  readonly host: string;
  /** Authorities that must have signed it, PEM. */
  readonly authorities: readonly string[];
  /** What holds the authorities, such as `fluentd.ca`. */
  readonly authoritySetting: string;
  /** Why the runtime does not trust it, if so. */
  readonly distrust: string | undefined;
  readonly nowMs: number;
}

/** As many names as fit a line. */
const MAX_NAMES = 4;

/** Says what is wrong with a server's certificate, and in what way; undefined when nothing is. */
export function findServerCertificateProblem(
  certificate: X509Certificate,
  terms: ServerCertificateTerms,
): ServerCertificateProblem | undefined {
  const { distrust, host, nowMs } = terms;
  const notAfterMs = Date.parse(certificate.validTo);
  const notBeforeMs = Date.parse(certificate.validFrom);
  if (notAfterMs <= nowMs) {
    return { kind: "dates", text: `expired at ${formatTime(notAfterMs)}` };
  }
  if (notBeforeMs > nowMs) {
    const text = `is good only from ${formatTime(notBeforeMs)} on; the clock here says ` +
      formatTime(nowMs);
    return { kind: "dates", text };
  }
  const fits = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host);
  if (fits === undefined) {
    const hosts = hostsOf(certificate);
    const names = hosts.length === 0
      ? "names no host in subjectAltName"
      : `is for ${listNames(hosts)}`;
    return { kind: "host", text: `${names}, not for ${host}` };
  }
  if (distrust === undefined) return undefined;
  return { kind: "untrusted", text: describeDistrust(certificate, terms) };
}

function describeDistrust(certificate: X509Certificate, terms: ServerCertificateTerms): string {
  const { authorities, authoritySetting, distrust } = terms;
  const issuer = nameOf(certificate.issuer);
  const held = authorities.flatMap(parseCertificates);
  const same = held.filter((authority) => authority.subject === certificate.issuer);
  if (held.length === 0) {
    return `is signed by '${issuer}', which is none of the well-known authorities, and ` +
      `${authoritySetting} is not set`;
  }
  if (same.some((authority) => Date.parse(authority.validTo) <= terms.nowMs)) {
    return `is signed by '${issuer}', whose certificate in ${authoritySetting} has expired`;
  }
  if (same.some((authority) => certificate.verify(authority.publicKey))) {
    return `cannot be trusted: ${distrust}`;
  }
  if (held.some((authority) => nameOf(authority.subject) === issuer)) {
    return `is signed by another '${issuer}' than the one in ${authoritySetting}: ` +
      "same name, other key";
  }
  const names = listNames(held.map((authority) => nameOf(authority.subject)));
  return `is signed by '${issuer}', and ${authoritySetting} holds only ${names}`;
}

function listNames(names: readonly string[]): string {
  const shown = [...new Set(names)];
  const rest = shown.length - MAX_NAMES;
  return shown.slice(0, MAX_NAMES).map((name) => `'${name}'`).join(", ") +
    (rest > 0 ? ` and ${rest} more` : "");
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
