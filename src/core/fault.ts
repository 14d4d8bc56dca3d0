/**
 * What stops the current job, by what has to happen next.
 *
 * - `usage`: the command line is wrong.
 * - `config`: a setting is wrong.
 * - `credentials`: a certificate, key or identity is wrong or expired.
 * - `unavailable`: the peer cannot be reached or asks for patience; trying again helps.
 * - `denied`: the peer and we do not accept each other; a role, setting or certificate must change.
 * - `protocol`: the peer answered what it never should.
 * - `unsupported`: the peer does not know the call.
 * - `missing`: the peer does not have what was asked for.
 * - `rejected`: the receiver refuses an event, and the settings say to end then.
 * - `moved`: another handler has moved what this one stored; it goes on from there, if it may.
 * - `state`: the stored state cannot be read or written.
 * - `replaced`: the files of the state are no longer those that this run opened; it ends.
 * - `internal`: a defect of this program.
 */
export type FaultKind =
  | "usage"
  | "config"
  | "credentials"
  | "unavailable"
  | "denied"
  | "protocol"
  | "unsupported"
  | "missing"
  | "rejected"
  | "moved"
  | "state"
  | "replaced"
  | "internal";

/** Exit code of the process for a fault that ends it (docs/configuration.md lists them). */
export const EXIT_CODES: { readonly [kind in FaultKind]: number } = {
  usage: 2,
  config: 78,
  credentials: 78,
  unavailable: 1,
  denied: 1,
  protocol: 1,
  unsupported: 1,
  missing: 1,
  rejected: 1,
  moved: 1,
  state: 1,
  replaced: 1,
  internal: 1,
};

/** Faults that waiting may heal; the supervisor tries again after them. */
const TRANSIENT: ReadonlySet<FaultKind> = new Set([
  "unavailable",
  "denied",
  "protocol",
  "unsupported",
  "missing",
  "moved",
]);

/** How to describe a fault beyond its message. */
export interface FaultOptions {
  /** What the person at the terminal should do. */
  readonly hint?: string;
  /** Whether waiting alone will not help: someone must change something. */
  readonly lasting?: boolean;
  /** The error underneath. */
  readonly cause?: unknown;
}

/** The one error class of the program: what could not be done, why, and what to do about it. */
export class Fault extends Error {
  readonly kind: FaultKind;
  readonly hint: string | undefined;
  /** Waiting alone will not help. Said where that is known of something that is waited for. */
  readonly lasting: boolean;

  constructor(kind: FaultKind, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "Fault";
    this.kind = kind;
    this.hint = options.hint;
    this.lasting = options.lasting ?? false;
  }

  /** Whether the same job may succeed later without a change of settings or credentials. */
  get transient(): boolean {
    return TRANSIENT.has(this.kind);
  }

  /** Message and hint as one line. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message}. ${this.hint}`;
  }
}

/** As many links of a chain of causes as are looked at; a chain may be a circle. */
const MAX_CAUSES = 5;

/** Describes any thrown value in one line, never blank: its message and the messages of its causes. */
export function formatError(error: unknown): string {
  const parts: string[] = [];
  let e = error;
  for (let i = 0; i < MAX_CAUSES && e !== undefined; i++) {
    const message = describe(e);
    if (message !== "" && !parts.some((part) => part.includes(message))) parts.push(message);
    e = e instanceof Error && !(e instanceof Fault) ? e.cause : undefined;
  }
  const text = parts.join(": ").replaceAll(/\s*\n\s*/g, " ");
  return text.trim() === "" ? "unknown error" : text;
}

function describe(thrown: unknown): string {
  if (thrown instanceof Fault) return thrown.text;
  if (thrown instanceof Error) return thrown.message || thrown.name;
  try {
    return String(thrown);
  } catch {
    return "";
  }
}
