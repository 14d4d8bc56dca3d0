import type { RunSnapshot, Trouble } from "./run_snapshot.ts";

/** How far a backlog has been worked off. Undefined is what is not known yet. */
export interface Progress {
  /** Everything before this time is delivered; milliseconds since the epoch. */
  readonly doneUntilMs: number | undefined;
  /** Events of the audit log delivered in this run. */
  readonly delivered: number;
  readonly perSecond: number | undefined;
  /** Part of the time between the first event and now, below 1. */
  readonly share: number | undefined;
  readonly leftMs: number | undefined;
  /** What it waits for at the moment. */
  readonly trouble: Trouble | undefined;
}

interface Sample {
  readonly atMs: number;
  readonly delivered: number;
  readonly doneUntilMs: number | undefined;
}

/** Rates are those of so long: the last seconds alone would jump. */
const WINDOW_MS = 30_000;
const SHORTEST_MS = 1000;

/** Measures how a backlog goes down, from one look at the run to the next. */
export class ProgressMeter {
  #samples: Sample[] = [];

  /** Takes a look, at a time of the monotonic clock; undefined when there is no backlog. */
  look(run: RunSnapshot, atMs: number): Progress | undefined {
    const { delivered } = run.events.log;
    const { doneUntilMs, readFromMs, serverNowMs } = run;
    if (run.phase !== "forwarding" || run.isCaughtUp || delivered === 0) {
      this.#samples = [];
      return undefined;
    }
    const sample = { atMs, delivered, doneUntilMs };
    this.#samples = [...this.#samples.filter((old) => atMs - old.atMs < WINDOW_MS), sample];
    const first = this.#samples[0]!;
    const elapsedMs = atMs - first.atMs;
    const isMeasured = elapsedMs >= SHORTEST_MS;
    const doneMs = doneUntilMs === undefined ? 0 : doneUntilMs - (first.doneUntilMs ?? doneUntilMs);
    const openMs = doneUntilMs === undefined ? 0 : Math.max(serverNowMs - doneUntilMs, 0);
    const wholeMs = readFromMs === undefined ? 0 : serverNowMs - readFromMs;
    return {
      doneUntilMs,
      delivered,
      perSecond: isMeasured
        ? Math.round((delivered - first.delivered) * 1000 / elapsedMs)
        : undefined,
      share: wholeMs > 0 && doneUntilMs !== undefined
        ? Math.min(Math.max(1 - openMs / wholeMs, 0), 0.99)
        : undefined,
      leftMs: isMeasured && doneMs > 0 ? openMs * elapsedMs / doneMs : undefined,
      trouble: run.troubles[0],
    };
  }
}
