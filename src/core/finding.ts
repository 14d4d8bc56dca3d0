import type { Fault, FaultKind } from "./fault.ts";

/**
 * What one check of `doctor` found, in words for the person who has to act on it.
 *
 * - `ok`: a start has what it needs here.
 * - `warning`: a start works, but somebody should look at it.
 * - `failed`: a start would not work.
 * - `skipped`: it could not be checked, because of what it depends on.
 */
export interface Finding {
  readonly status: "ok" | "warning" | "failed" | "skipped";
  /** What was found, in one line. Sentence case, no final period, no secret. */
  readonly text: string;
  /** What to do about it, in one line. */
  readonly advice?: string | undefined;
  /** Further lines for whoever wants to know more. */
  readonly details?: readonly string[] | undefined;
  /** What kind of fault a failed one is; it decides the exit code. */
  readonly fault?: FaultKind | undefined;
}

/** What may accompany the text of a finding. */
export type FindingExtras = Pick<Finding, "advice" | "details">;

/** All is well. */
export function ok(text: string, extras: Pick<Finding, "details"> = {}): Finding {
  return { status: "ok", text, ...extras };
}

/** It works, but. */
export function warning(text: string, extras: FindingExtras = {}): Finding {
  return { status: "warning", text, ...extras };
}

/** It does not work. */
export function failed(fault: FaultKind, text: string, extras: FindingExtras = {}): Finding {
  return { status: "failed", text, fault, ...extras };
}

/** What a thrown fault says, as a finding. */
export function findingOfFault(fault: Fault): Finding {
  return failed(fault.kind, fault.message, { advice: fault.hint });
}
