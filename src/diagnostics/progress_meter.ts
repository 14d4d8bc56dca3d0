import type { RunSnapshot, Trouble } from "./run_snapshot.ts";

/** How far a backlog has been worked off. Undefined is what is not known yet. */
export interface Progress {
  /** Time of the audit log that has been reached, in milliseconds since the epoch. */
  readonly positionMs: number | undefined;
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
  readonly positionMs: number | undefined;
}

/** Rates are those of so long: the last seconds alone would jump. */
const WINDOW_MS = 30_000;
const SHORTEST_MS = 1000;

/** Measures how a backlog goes down, from one look at the run to the next. */
export class ProgressMeter {
  #samples: Sample[] = [];

  /** Takes a look, at a time of the monotonic clock; undefined when there is no backlog of ours. */
  look(run: RunSnapshot, atMs: number): Progress | undefined {
    const { delivered } = run.events.log;
    const { readFromMs, serverNowMs } = run;
    const isRead = run.replica === undefined || run.replica.role === "leader";
    if (run.phase !== "forwarding" || run.isCaughtUp || delivered === 0 || !isRead) {
      this.#samples = [];
      return undefined;
    }
    const positionMs = positionOf(run, this.#samples.at(-1)?.positionMs);
    const sample = { atMs, delivered, positionMs };
    this.#samples = [...this.#samples.filter((old) => atMs - old.atMs < WINDOW_MS), sample];
    const first = this.#samples[0]!;
    const elapsedMs = atMs - first.atMs;
    const isMeasured = elapsedMs >= SHORTEST_MS;
    const doneMs = positionMs === undefined ? 0 : positionMs - (first.positionMs ?? positionMs);
    const openMs = positionMs === undefined ? 0 : serverNowMs - positionMs;
    const wholeMs = readFromMs === undefined ? 0 : serverNowMs - readFromMs;
    return {
      positionMs,
      delivered,
      perSecond: isMeasured
        ? Math.round((delivered - first.delivered) * 1000 / elapsedMs)
        : undefined,
      share: wholeMs > 0 && positionMs !== undefined
        ? Math.min(Math.max(1 - openMs / wholeMs, 0), 0.99)
        : undefined,
      leftMs: isMeasured && doneMs > 0 ? openMs * elapsedMs / doneMs : undefined,
      trouble: run.troubles[0],
    };
  }
}

/**
 * Chunks of a bulk export are done by whole dates, which is too coarse; but they are read nearly in
 * order, so that the event delivered last tells the place. It never goes back.
 */
function positionOf(run: RunSnapshot, beforeMs: number | undefined): number | undefined {
  const eventMs = run.mode === "bulk" ? run.lastEvent?.timeMs : undefined;
  const known = [run.doneUntilMs, eventMs, beforeMs].filter((timeMs) => timeMs !== undefined);
  return known.length === 0 ? undefined : Math.min(Math.max(...known), run.serverNowMs);
}
