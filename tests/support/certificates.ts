/**
 * Certificates for tests, made at run time: those of a Teleport cluster and those of a Fluentd.
 * Making them takes some milliseconds each, so each set is made once a process and written to as
 * many folders as tests ask for.
 */
import type {
  Authority,
  CertificateOptions,
  IssuedCertificate,
} from "../../src/tls/issue_certificates.ts";

/** Name of the cluster that the fake auth server belongs to. */
export const CLUSTER_NAME = "teleport.example.com";

const HOUR_MS = 3_600_000;

/** A client's certificate and the authority that vouches for it. */
export interface ForeignPair {
  readonly authority: Authority;
  readonly client: IssuedCertificate;
}

/** What a Teleport cluster has, and what it gives to a client. */
export interface TeleportCertificates {
  readonly clusterName: string;
  /** Signs the servers; clients trust it. */
  readonly hostAuthority: Authority;
  /** Signs the users; servers trust it. */
  readonly userAuthority: Authority;
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
  /** Signed by the user authority and expired an hour ago. */
  readonly expired: IssuedCertificate;
  /** Signed by an authority that the cluster does not know. */
  readonly foreign: ForeignPair;
}

/** What a Fluentd set up by `configure` has, and what it gives to a client. */
export interface FluentdCertificates {
  readonly authority: Authority;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly server: IssuedCertificate;
  readonly client: IssuedCertificate;
  readonly expired: IssuedCertificate;
  readonly foreign: ForeignPair;
}

/** Paths of what `writeTeleportFiles` wrote; the names are those that authpeer uses. */
export interface TeleportFiles {
  readonly identity: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly authorities: string;
  /** The client's certificate has expired. */
  readonly identityExpired: string;
  /** The cluster does not know who signed the client's certificate. */
  readonly identityWrongCa: string;
  /** Does not trust the cluster's host authority. */
  readonly identityUntrusting: string;
}

/** Paths of what `writeFluentdFiles` wrote. */
export interface FluentdFiles {
  readonly authority: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly expiredCertificate: string;
  readonly expiredKey: string;
  readonly foreignAuthority: string;
  readonly foreignCertificate: string;
  readonly foreignKey: string;
}

/** Parts of an identity file. */
export interface IdentityParts extends IssuedCertificate {
  readonly authorityPems: readonly string[];
  /** A line such as `ssh-rsa-cert-v01@openssh.com AAAA…`; left out by default. */
  readonly sshCertificate?: string;
}

let cachedTeleport: Promise<TeleportCertificates> | undefined;
let cachedFluentd: Promise<FluentdCertificates> | undefined;

/** The certificates of the fake cluster: one set for the whole process. */
export function teleportCertificates(): Promise<TeleportCertificates> {
  return cachedTeleport ??= issueTeleportCertificates();
}

/** The certificates of the fake receiver: one set for the whole process. */
export function fluentdCertificates(): Promise<FluentdCertificates> {
  return cachedFluentd ??= issueFluentdCertificates();
}

/** A fresh set, unrelated to any other: for tests that rotate authorities. */
export async function issueTeleportCertificates(): Promise<TeleportCertificates> {
  const hostAuthority = await issueTestAuthority("host authority");
  const userAuthority = await issueTestAuthority("user authority");
  const foreignAuthority = await issueTestAuthority("foreign user authority");
  const user = { commonName: "teleport-event-handler", usage: "client" } as const;
  return {
    clusterName: CLUSTER_NAME,
    hostAuthority,
    userAuthority,
    server: await issueTestCertificate(hostAuthority, {
      commonName: "auth",
      usage: "server",
      dnsNames: ["teleport.cluster.local", clusterServerName(CLUSTER_NAME)],
    }),
    client: await issueTestCertificate(userAuthority, user),
    expired: await issueTestCertificate(userAuthority, { ...user, ...longAgo() }),
    foreign: {
      authority: foreignAuthority,
      client: await issueTestCertificate(foreignAuthority, user),
    },
  };
}

/** A fresh set, unrelated to any other. */
export async function issueFluentdCertificates(): Promise<FluentdCertificates> {
  const authority = await issueTestAuthority("receiver authority");
  const foreignAuthority = await issueTestAuthority("foreign receiver authority");
  const client = { commonName: "teleport-event-handler", usage: "client" } as const;
  return {
    authority,
    server: await issueTestCertificate(authority, {
      commonName: "localhost",
      usage: "server",
      dnsNames: ["localhost"],
      ipAddresses: ["127.0.0.1", "::1"],
    }),
    client: await issueTestCertificate(authority, client),
    expired: await issueTestCertificate(authority, { ...client, ...longAgo() }),
    foreign: {
      authority: foreignAuthority,
      client: await issueTestCertificate(foreignAuthority, client),
    },
  };
}

/** An ECDSA authority, good from an hour ago for a day unless told otherwise. */
export async function issueTestAuthority(commonName: string): Promise<Authority> {
  const { createAuthority } = await import("../../src/tls/issue_certificates.ts");
  return await createAuthority({ commonName, keyType: "ecdsa", ...today() });
}

/** An ECDSA certificate, good from an hour ago for a day unless told otherwise. */
export async function issueTestCertificate(
  authority: Authority,
  options: Partial<CertificateOptions> & Pick<CertificateOptions, "commonName" | "usage">,
): Promise<IssuedCertificate> {
  const { issueCertificate } = await import("../../src/tls/issue_certificates.ts");
  return await issueCertificate(authority, { keyType: "ecdsa", ...today(), ...options });
}

/** The name under which an auth server of a cluster is also known: its hex and a suffix. */
export function clusterServerName(clusterName: string): string {
  return `${new TextEncoder().encode(clusterName).toHex()}.teleport.cluster.local`;
}

/** Formats an identity file the way `tctl auth sign` writes it. */
export function formatIdentity(parts: IdentityParts): string {
  return [
    parts.privateKeyPem,
    parts.sshCertificate === undefined ? "" : `${parts.sshCertificate}\n`,
    parts.certificatePem,
    ...parts.authorityPems,
  ].join("");
}

/** Writes everything that a client of the cluster may be given. */
export async function writeTeleportFiles(
  folder: string,
  certificates?: TeleportCertificates,
): Promise<TeleportFiles> {
  const { client, expired, foreign, hostAuthority } = certificates ?? await teleportCertificates();
  const authorityPems = [hostAuthority.certificatePem];
  const write = fileWriter(folder);
  return {
    identity: await write("identity", formatIdentity({ ...client, authorityPems })),
    clientCertificate: await write("client.crt", client.certificatePem),
    clientKey: await write("client.key", client.privateKeyPem),
    authorities: await write("cas.pem", authorityPems.join("")),
    identityExpired: await write(
      "identity-expired",
      formatIdentity({ ...expired, authorityPems }),
    ),
    identityWrongCa: await write(
      "identity-wrong-ca",
      formatIdentity({ ...foreign.client, authorityPems }),
    ),
    identityUntrusting: await write(
      "identity-untrusting",
      formatIdentity({ ...client, authorityPems: [foreign.authority.certificatePem] }),
    ),
  };
}

/** Writes everything that a receiver and its clients may be given. */
export async function writeFluentdFiles(
  folder: string,
  certificates?: FluentdCertificates,
): Promise<FluentdFiles> {
  const { authority, server, client, expired, foreign } = certificates ??
    await fluentdCertificates();
  const write = fileWriter(folder);
  return {
    authority: await write("fluentd-ca.crt", authority.certificatePem),
    serverCertificate: await write("fluentd-server.crt", server.certificatePem),
    serverKey: await write("fluentd-server.key", server.privateKeyPem),
    clientCertificate: await write("fluentd-client.crt", client.certificatePem),
    clientKey: await write("fluentd-client.key", client.privateKeyPem),
    expiredCertificate: await write("fluentd-expired.crt", expired.certificatePem),
    expiredKey: await write("fluentd-expired.key", expired.privateKeyPem),
    foreignAuthority: await write("fluentd-foreign-ca.crt", foreign.authority.certificatePem),
    foreignCertificate: await write("fluentd-foreign.crt", foreign.client.certificatePem),
    foreignKey: await write("fluentd-foreign.key", foreign.client.privateKeyPem),
  };
}

function fileWriter(folder: string): (name: string, text: string) => Promise<string> {
  return async (name, text) => {
    const path = `${folder}/${name}`;
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    return path;
  };
}

function today(): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: Date.now() - HOUR_MS, notAfterMs: Date.now() + 24 * HOUR_MS };
}

function longAgo(): { notBeforeMs: number; notAfterMs: number } {
  return { notBeforeMs: Date.now() - 3 * HOUR_MS, notAfterMs: Date.now() - HOUR_MS };
}
