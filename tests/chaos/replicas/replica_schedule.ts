import { createRandom } from "../../support/events.ts";

/** How the way to the store is for a while. */
export type StoreTrouble = "cut" | "refuse" | "half-open" | "drop" | "slow";

/** One thing that happens. A replica is meant by its number, the one that leads by "leader". */
export type ReplicaStep =
  & { readonly waitMs: number }
  & (
    | { readonly do: "append"; readonly count: number }
    | { readonly do: "upload"; readonly events: number }
    | { readonly do: "kill" | "terminate"; readonly who: Who; readonly downMs: number }
    | { readonly do: "sleep"; readonly who: Who; readonly forMs: number }
    | {
      readonly do: "trouble";
      readonly who: Who;
      readonly trouble: StoreTrouble;
      readonly forMs: number;
    }
    | { readonly do: "restart-store"; readonly downMs: number }
    | { readonly do: "pause-store"; readonly forMs: number }
  );

/** Which replica. */
export type Who = number | "leader";

/** All of a run that is decided before it begins: the same seed gives the same. */
export interface ReplicaSchedule {
  readonly seed: number;
  readonly replicas: number;
  readonly mode: "legacy" | "bulk";
  readonly lease: {
    readonly durationMs: number;
    readonly deadlineMs: number;
    readonly retryMs: number;
  };
  readonly batchEvents: number;
  readonly concurrency: number;
  readonly backlog: {
    readonly events: number;
    readonly sessions: number;
    readonly sessionEvents: number;
  };
  readonly steps: readonly ReplicaStep[];
}

/** Most schedules have short leases, to be done sooner; each tenth has those that are the default. */
const SHORT = { durationMs: 3000, deadlineMs: 2000, retryMs: 400 };
const DEFAULT = { durationMs: 15_000, deadlineMs: 10_000, retryMs: 2000 };

/** Draws the schedule of a seed. */
export function drawReplicaSchedule(
  seed: number,
  options: { readonly replicas: number; readonly defaultLease?: boolean },
): ReplicaSchedule {
  const random = createRandom(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;
  const lease = options.defaultLease ?? seed % 10 === 0 ? DEFAULT : SHORT;
  const who = (): Who => random() < 0.5 ? "leader" : Math.floor(random() * options.replicas);
  const { durationMs } = lease;
  const span = (from: number, to: number) =>
    Math.round(durationMs * (from + random() * (to - from)));
  const drawStep = (): ReplicaStep => {
    const waitMs = Math.round(random() * 1500);
    switch (
      pick(
        [
          "append",
          "upload",
          "kill",
          "kill",
          "terminate",
          "sleep",
          "sleep",
          "trouble",
          "trouble",
          "trouble",
          "restart-store",
          "pause-store",
        ] as const,
      )
    ) {
      case "append":
        return { waitMs, do: "append", count: pick([1, 10, 80]) };
      case "upload":
        return { waitMs, do: "upload", events: pick([3, 40, 200]) };
      case "kill":
        return { waitMs, do: "kill", who: who(), downMs: pick([0, 500, span(1, 1.5)]) };
      case "terminate":
        return { waitMs, do: "terminate", who: who(), downMs: pick([0, 500]) };
      case "sleep":
        return {
          waitMs,
          do: "sleep",
          who: who(),
          forMs: pick([300, span(0.4, 0.9), span(1.2, 2)]),
        };
      case "trouble":
        return {
          waitMs,
          do: "trouble",
          who: who(),
          trouble: pick(["cut", "refuse", "half-open", "drop", "slow"] as const),
          forMs: pick([300, span(0.4, 0.9), span(1.2, 2)]),
        };
      case "restart-store":
        return {
          waitMs,
          do: "restart-store",
          downMs: pick([0, 500, span(0.3, 0.5), span(1, 1.3)]),
        };
      case "pause-store":
        return { waitMs, do: "pause-store", forMs: pick([300, span(0.3, 0.5), span(0.8, 1.2)]) };
    }
  };
  const count = lease === DEFAULT ? 3 : 5 + Math.floor(random() * 5);
  return {
    seed,
    replicas: options.replicas,
    mode: pick(["legacy", "bulk"] as const),
    lease,
    batchEvents: pick([3, 40, 500]),
    concurrency: pick([1, 3, 5]),
    backlog: {
      events: pick([20, 100, 400]),
      sessions: pick([0, 4, 12]),
      sessionEvents: pick([5, 60]),
    },
    steps: Array.from({ length: count }, drawStep),
  };
}

/** The schedule in words. */
export function formatReplicaSchedule(schedule: ReplicaSchedule): string {
  const { steps, ...rest } = schedule;
  const lines = steps.map(({ waitMs, ...step }) => `  ${waitMs} ms later: ${JSON.stringify(step)}`);
  return [`seed ${schedule.seed} ${JSON.stringify(rest)}`, ...lines].join("\n");
}
