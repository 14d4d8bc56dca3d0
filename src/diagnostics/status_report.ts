import type { Progress } from "./progress_meter.ts";
import { type Condition, judgeReadiness } from "./readiness.ts";
import type { RunSnapshot } from "./run_snapshot.ts";

/** What the status page shows, and `/status.json` gives: the run, and what follows from it. */
export interface StatusReport extends RunSnapshot {
  /** The conditions of readiness. */
  readonly conditions: readonly Condition[];
  /** How far the backlog is worked off; undefined when there is none. */
  readonly progress: Progress | undefined;
}

/** Joins what the run knows about itself with what follows from it. */
export function createStatusReport(
  run: RunSnapshot,
  progress: Progress | undefined,
): StatusReport {
  return { ...run, conditions: judgeReadiness(run), progress };
}
