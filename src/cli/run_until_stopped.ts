import type { Clock } from "../core/clock.ts";
import { formatDuration } from "../core/duration.ts";
import type { Logger } from "../core/logger.ts";
import type { StopSignals } from "./stop_signals.ts";

/** What is run, and how much time it has at its end. */
export interface RunUntilStoppedOptions {
  readonly signals: Pick<StopSignals, "stop" | "again">;
  /** Time for what is under way after the first signal, in milliseconds. */
  readonly shutdownMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs until it has ended, in good order after `signals.stop`, and soon after `abort`. */
  readonly run: (abort: AbortSignal) => Promise<void>;
}

/** Time to end once everything under way was cut off; a disk may hang. */
const LAST_MS = 1000;

/**
 * Runs something until it ends by itself or by signals, and returns the exit code: 0, or after a second
 * signal that of its kind. Nothing can hold up the end for longer than the time that is given.
 *
 * @throws what `run` throws.
 */
export async function runUntilStopped(options: RunUntilStoppedOptions): Promise<number> {
  const { clock, logger, run, shutdownMs, signals } = options;
  const abort = new AbortController();
  const ended = new AbortController();
  const onStop = () => {
    const within = shutdownMs === 0
      ? "Stopping, and cutting off what is under way"
      : `Stopping once Fluentd has answered, in ${formatDuration(shutdownMs)} at most`;
    logger.info(`${within}; a second signal stops at once`);
  };
  const stopped = new Promise<void>((resolve) => {
    if (signals.stop.aborted) resolve();
    else signals.stop.addEventListener("abort", () => resolve(), { once: true });
  });
  const tooLong = (async () => {
    await stopped;
    if (ended.signal.aborted) return await signals.again;
    onStop();
    if (shutdownMs > 0) await clock.sleep(shutdownMs, ended.signal);
    abort.abort();
    await clock.sleep(LAST_MS, ended.signal);
    logger.warning("Stopped, though something did not end: the last events may be delivered twice");
    return 0;
  })();
  const again = signals.again.then((code) => {
    if (!ended.signal.aborted) {
      logger.warning("Stopped at once by a second signal: the last events may be delivered twice");
    }
    return code;
  });
  const running = run(abort.signal).then(() => 0);
  for (const promise of [running, tooLong]) promise.catch(() => {});
  try {
    return await Promise.race([running, tooLong, again]);
  } finally {
    ended.abort();
  }
}
