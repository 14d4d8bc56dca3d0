import type { Clock } from "../core/clock.ts";
import type {
  CredentialName,
  CredentialStatus,
  CredentialStatuses,
} from "../core/credential_status.ts";
import { type CertificateInfo, readCertificates } from "./certificate.ts";

/** A credential as its adapter describes it. */
export interface Credential {
  readonly name: CredentialName;
  /** What it is, to begin a sentence with, such as "Certificate for Teleport". */
  readonly title: string;
  /** File that its certificate was read from. */
  readonly path: string;
  /** Our own certificate, its chain behind it, or authorities. */
  readonly pem: string;
  /** How to come by a new one, as a sentence. */
  readonly renewal: string;
}

/** A credential in use, and what to say of it. */
export interface CredentialInUse extends CredentialStatus, Pick<Credential, "title" | "renewal"> {}

interface Entry {
  readonly credential: Credential;
  readonly certificates: readonly CertificateInfo[];
  readonly replacedMs: number | undefined;
}

/** The credentials in use. They come in sets, of which each is replaced as a whole. */
export class CredentialBook implements CredentialStatuses {
  readonly #clock: Clock;
  readonly #sets = new Map<string, readonly Entry[]>();
  readonly #problems = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Enters the credentials of a set in place of those before; returns the ones that are new. */
  enter(set: string, credentials: readonly Credential[]): CredentialInUse[] {
    const before = this.#sets.get(set);
    const nowMs = this.#clock.nowMs();
    const entries = credentials.map((credential): Entry => {
      const old = before?.find((entry) => entry.credential.name === credential.name);
      const certificates = readCertificates(credential.pem);
      if (old?.credential.pem === credential.pem) return { ...old, credential };
      return { credential, certificates, replacedMs: before === undefined ? undefined : nowMs };
    });
    this.#sets.set(set, entries);
    this.#problems.delete(set);
    return entries
      .filter(({ credential }) => !before?.some((old) => old.credential.pem === credential.pem))
      .map((entry) => toCredentialInUse(entry, undefined, nowMs));
  }

  /** Says why the files of a set hold something that is not in use; undefined when they do not. */
  report(set: string, problem: string | undefined): void {
    if (problem === undefined) this.#problems.delete(set);
    else this.#problems.set(set, problem);
  }

  /** The credentials in use, with what to say of them. */
  inUse(): CredentialInUse[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#sets].flatMap(([set, entries]) =>
      entries.map((entry) => toCredentialInUse(entry, this.#problems.get(set), nowMs))
    );
  }

  list(): CredentialStatus[] {
    return this.inUse().map(({ title: _title, renewal: _renewal, ...status }) => status);
  }
}

/** Describes a credential as it would be in the book, at the time `nowMs`. */
export function describeCredential(credential: Credential, nowMs: number): CredentialInUse {
  const certificates = readCertificates(credential.pem);
  return toCredentialInUse({ credential, certificates, replacedMs: undefined }, undefined, nowMs);
}

function toCredentialInUse(
  { certificates, credential, replacedMs }: Entry,
  problem: string | undefined,
  nowMs: number,
): CredentialInUse {
  const { name, path, renewal, title } = credential;
  const isAuthority = name.endsWith("_ca");
  const certificate = isAuthority ? nextToEnd(certificates, nowMs) : certificates[0]!;
  return {
    name,
    title,
    path,
    subject: certificate.name,
    notBeforeMs: certificate.notBeforeMs,
    notAfterMs: certificate.notAfterMs,
    replacedMs,
    problem,
    renewal,
  };
}

/** A file with more authorities is one of the system's, of which nobody renews a single one. */
const MAX_AUTHORITIES = 10;

/**
 * The authority that somebody has to do something about next. One that has a successor of the same
 * name beside it needs nothing, nor does one that has ended while others go on.
 */
function nextToEnd(authorities: readonly CertificateInfo[], nowMs: number): CertificateInfo {
  const lastOfName = new Map<string, CertificateInfo>();
  for (const authority of authorities.toSorted((a, b) => a.notAfterMs - b.notAfterMs)) {
    lastOfName.set(authority.name, authority);
  }
  const sorted = [...lastOfName.values()].sort((a, b) => a.notAfterMs - b.notAfterMs);
  if (sorted.length > MAX_AUTHORITIES) return sorted.at(-1)!;
  return sorted.find((authority) => authority.notAfterMs > nowMs) ?? sorted.at(-1)!;
}
