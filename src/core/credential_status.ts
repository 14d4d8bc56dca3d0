/** What a credential is for; also its name in metrics and on the status page. */
export type CredentialName = "teleport_client" | "teleport_ca" | "fluentd_client" | "fluentd_ca";

/** One credential in use, without anything secret. */
export interface CredentialStatus {
  readonly name: CredentialName;
  /** File that its certificate was read from. */
  readonly path: string;
  /** Common name in the certificate; of a file with several authorities, that of the one to end next. */
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  /** Milliseconds since the epoch. It may have passed: an expired credential stays until a new one comes. */
  readonly notAfterMs: number;
  /** When it took the place of another one, in milliseconds since the epoch; undefined since the start. */
  readonly replacedMs: number | undefined;
  /** Why what the files hold now is not in use; undefined when it is. */
  readonly problem: string | undefined;
}

/** The credentials in use, for whoever shows them. What is not configured is not there. */
export interface CredentialStatuses {
  /** A fresh list at each call. */
  list(): readonly CredentialStatus[];
}
