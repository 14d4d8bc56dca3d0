import type { Clock } from "../core/clock.ts";
import { formatEventTime } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import { ProgressMeter } from "./progress_meter.ts";
import { formatProgress, formatTimeLeft } from "./progress_text.ts";
import type { RunSnapshot } from "./run_snapshot.ts";

/** How progress is told. */
export interface TellProgressOptions {
  readonly snapshot: () => RunSnapshot;
  readonly clock: Clock;
  /** Takes a line every ten seconds; none where the person at the terminal sees the other one. */
  readonly logger: Logger | undefined;
  /** The line of a terminal that changes in place. */
  readonly line: { show(texts: readonly string[]): void; clear(): void } | undefined;
}

const DRAW_MS = 250;
const LOOK_MS = 1000;
const LOG_MS = 10_000;

/**
 * Tells how far a backlog is, as long as there is one: in a line of the terminal that changes in
 * place, or in a line of the log every ten seconds. Resolves when `stop` is aborted.
 */
export async function tellProgress(
  options: TellProgressOptions,
  stop: AbortSignal,
): Promise<void> {
  const { clock, line, logger, snapshot } = options;
  const meter = new ProgressMeter();
  let toldAtMs = clock.monotonicMs();
  let isCatchingUp = false;
  while (!stop.aborted) {
    // Where nothing is drawn, and while nothing is to be told, once a second is often enough.
    await clock.sleep(isCatchingUp && line !== undefined ? DRAW_MS : LOOK_MS, stop).catch(() => {});
    if (stop.aborted) break;
    const nowMs = clock.monotonicMs();
    const run = snapshot();
    const progress = meter.look(run, nowMs);
    isCatchingUp = progress !== undefined;
    if (progress === undefined) {
      line?.clear();
      toldAtMs = nowMs;
      continue;
    }
    line?.show(formatProgress(progress, run.nowMs));
    if (nowMs - toldAtMs < LOG_MS) continue;
    toldAtMs = nowMs;
    const { delivered, positionMs, leftMs, perSecond } = progress;
    logger?.info("Catching up", {
      at: positionMs === undefined ? undefined : formatEventTime(positionMs),
      sent: delivered,
      per_second: perSecond,
      time_left: leftMs === undefined ? undefined : formatTimeLeft(leftMs),
    });
  }
  line?.clear();
}
