import type { KeyType } from "../tls/issue_certificates.ts";

/** Where the audit log can be sent on to from Fluentd. */
export const DESTINATION_NAMES = ["panther", "splunk", "elastic", "datadog", "s3"] as const;

/** One of them. */
export type DestinationName = typeof DESTINATION_NAMES[number];

/** Everything that decides what is written, checked and complete. */
export interface SetupOptions {
  /** Folder to write to. */
  readonly folder: string;
  /** How the written texts name the folder: `""` for the folder that commands are run in. */
  readonly shownFolder: string;
  /** Folder that commands are run in. */
  readonly workingFolder: string;
  /** Host and port of Teleport as they go into the settings. */
  readonly address: string;
  /** Whether the address is most likely that of the Teleport Proxy Service. */
  readonly isProxy: boolean;
  /** Names of the certificate files, without their extensions. */
  readonly names: CertificateNames;
  /** How long the certificates are good for. */
  readonly ttlMs: number;
  /** Names that the Fluentd server certificate is good for. */
  readonly dnsNames: readonly string[];
  /** Addresses that the Fluentd server certificate is good for. */
  readonly ipAddresses: readonly string[];
  readonly keyType: KeyType;
  readonly rsaBits: number;
  /** Whether the server key is written encrypted. */
  readonly encryptServerKey: boolean;
  readonly destinations: readonly DestinationName[];
  /** Whether the role may lock users, and the handler does so. */
  readonly autoLock: boolean;
  /** Whether fluent.conf is that of the official handler. */
  readonly classicFluentConf: boolean;
}

/** Names of the certificate files, without their extensions. */
export interface CertificateNames {
  readonly ca: string;
  readonly server: string;
  readonly client: string;
}

/** A file that is to be written. */
export interface SetupFile {
  /** Name within the folder. */
  readonly name: string;
  readonly text: string;
  /** Whether only its owner may read it. */
  readonly secret: boolean;
}

/** How the written texts name a file of the folder. */
export function shownPath(options: Pick<SetupOptions, "shownFolder">, name: string): string {
  return options.shownFolder === "" ? name : `${options.shownFolder}/${name}`;
}

/** Base of the URLs at which the handler finds Fluentd: a name that the certificate is good for. */
export function receiverUrl(options: Pick<SetupOptions, "dnsNames" | "ipAddresses">): string {
  const names = options.dnsNames.filter((name) => !name.startsWith("*."));
  const name = names.includes("localhost") ? "localhost" : names[0];
  const ip = options.ipAddresses[0] ?? "localhost";
  return `https://${name ?? (ip.includes(":") ? `[${ip}]` : ip)}:8888`;
}

/** Path of the URL for events: the one that the fluent.conf knows. */
export function eventsPath(options: Pick<SetupOptions, "classicFluentConf">): string {
  return options.classicFluentConf ? "/test.log" : "/events.log";
}
