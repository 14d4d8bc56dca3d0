import type { RunSnapshot, Trouble } from "./run_snapshot.ts";

/** The conditions of readiness, in the order in which they are told. */
export const CONDITION_NAMES = [
  "running",
  "teleport",
  "receiver",
  "receiver-setup",
  "store",
  "credentials",
  "progress",
] as const;

/** Name of a condition of readiness. */
export type ConditionName = typeof CONDITION_NAMES[number];

/** What has to hold for events to flow, and whether it does. */
export interface Condition {
  readonly name: ConditionName;
  /** Why it does not hold; undefined when it does. */
  readonly problem: string | undefined;
}

const JUDGES: { readonly [name in ConditionName]: (run: RunSnapshot) => string | undefined } = {
  running: ({ phase }) => phase === "stopping" ? "The handler is stopping" : undefined,
  teleport(run) {
    // Only the one that leads reads the log; of the others Teleport is not asked for it.
    if (run.replica !== undefined && run.replica.role !== "leader") return undefined;
    const trouble = run.troubles.find(isOfLog);
    if (trouble !== undefined) return describeTrouble(trouble);
    return run.mode === undefined ? "Teleport has not answered yet" : undefined;
  },
  receiver: (run) => describeReceiverTrouble(run, false),
  "receiver-setup": (run) => describeReceiverTrouble(run, true),
  store({ replica, storeProblem, troubles }) {
    if (replica?.role === "joining") return "This replica has no lease yet, or has lost it";
    const trouble = troubles.find(({ peer }) => peer === "state");
    return trouble === undefined ? storeProblem : describeTrouble(trouble);
  },
  credentials({ credentials, nowMs }) {
    const expired = credentials.find(({ notAfterMs }) => notAfterMs <= nowMs);
    if (expired === undefined) return undefined;
    const ended = new Date(expired.notAfterMs).toISOString();
    return `The certificate '${expired.path}' (${expired.name}) expired at ${ended}`;
  },
  progress({ stalls: [stall] }) {
    return stall === undefined ? undefined : `${stall.streamId}: ${stall.reason}`;
  },
};

/** Judges every condition by what the run knows about itself. */
export function judgeReadiness(run: RunSnapshot): readonly Condition[] {
  return CONDITION_NAMES.map((name) => ({ name, problem: JUDGES[name](run) }));
}

/** A recording that cannot be read waits for its time, and holds nothing else up. */
function isOfLog({ peer, streamId }: Trouble): boolean {
  return peer === "source" && !streamId.startsWith("session/");
}

function describeReceiverTrouble(run: RunSnapshot, lasting: boolean): string | undefined {
  const trouble = run.troubles.find((t) => t.peer === "receiver" && t.lasting === lasting);
  return trouble === undefined ? undefined : describeTrouble(trouble);
}

function describeTrouble({ attempt, reason, streamId }: Trouble): string {
  const attempts = attempt === 1 ? "1 failed attempt" : `${attempt} failed attempts`;
  return `${reason} (stream ${streamId}, ${attempts})`;
}
