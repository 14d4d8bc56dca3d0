import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { parsePemBlocks } from "./pem.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Encoded object identifiers: the extension for usages, and two of the usages. */
const EXTENDED_KEY_USAGE = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x25]);
const SERVER_AUTH = Buffer.from([0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]);
const CLIENT_AUTH = Buffer.from([0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]);

/** Reads all certificates of a PEM text; what cannot be read is left out. */
export function parseCertificates(pem: string): X509Certificate[] {
  return readBlocks(pem).filter((block) => block.label === "CERTIFICATE").flatMap((block) => {
    try {
      return [new X509Certificate(block.pem)];
    } catch {
      return [];
    }
  });
}

/** What a PEM text holds, for recognising a file that was taken for another. */
export function describePem(text: string): "certificate" | "private key" | "both" | "neither" {
  const labels = readBlocks(text).map((block) => block.label);
  const certificate = labels.includes("CERTIFICATE");
  const key = labels.some((label) => label.endsWith("PRIVATE KEY"));
  if (certificate && key) return "both";
  return certificate ? "certificate" : key ? "private key" : "neither";
}

/** Whether the certificate says that it is for servers and not for clients. */
export function isForServersOnly(certificate: X509Certificate): boolean {
  const der = Buffer.from(certificate.raw);
  return der.includes(EXTENDED_KEY_USAGE) && der.includes(SERVER_AUTH) &&
    !der.includes(CLIENT_AUTH);
}

/** Common name of a certificate's subject or issuer, else the whole of it. */
export function nameOf(distinguishedName: string): string {
  return /^CN=(.*)$/m.exec(distinguishedName)?.[1] ?? distinguishedName.replaceAll("\n", ", ");
}

/** Organization of a certificate's subject or issuer: the name of the cluster, in Teleport's. */
export function organizationOf(distinguishedName: string): string | undefined {
  return /^O=(.*)$/m.exec(distinguishedName)?.[1];
}

/** Names and addresses that a certificate is made for. */
export function hostsOf(certificate: X509Certificate): readonly string[] {
  const list = certificate.subjectAltName?.split(", ") ?? [];
  return list.map((entry) => entry.replace(/^(DNS|IP Address|URI|email):/, ""));
}

/** Formats a time to the day, and how far away it is: "2027-11-22 (364 days left)". */
export function formatExpiry(notAfterMs: number, nowMs: number): string {
  const leftMs = notAfterMs - nowMs;
  const [count, unit] = leftMs >= 2 * DAY_MS
    ? [Math.floor(leftMs / DAY_MS), "day"]
    : [Math.max(0, Math.floor(leftMs / HOUR_MS)), "hour"];
  const day = new Date(notAfterMs).toISOString().slice(0, unit === "day" ? 10 : 16);
  return `${day.replace("T", " ")} (${count} ${unit}${count === 1 ? "" : "s"} left)`;
}

function readBlocks(pem: string): ReturnType<typeof parsePemBlocks> {
  try {
    return parsePemBlocks(pem);
  } catch {
    return [];
  }
}
