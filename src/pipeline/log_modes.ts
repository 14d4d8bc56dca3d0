import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { PipelineObserver } from "./ports.ts";

/** Two ways to read the same log, of which the server decides. */
export interface LogModesOptions {
  readonly clock: Clock;
  readonly observer: PipelineObserver;
  /** Whether the server has bulk export. @throws {Fault} */
  readonly probeBulk: (signal: AbortSignal) => Promise<boolean>;
  /** Whether the stored position is one of chunks: to leave it repeats up to a day of events. */
  readonly wasBulk: () => Promise<boolean>;
  /** Forwards by pages until the log ends or `stop` is aborted. */
  readonly runPaged: (stop: AbortSignal) => Promise<void>;
  /** Forwards by chunks; throws a fault of kind `unsupported` when the server cannot any more. */
  readonly runBulk: (stop: AbortSignal) => Promise<void>;
  /** Told of the way that is taken. */
  readonly onMode: (mode: "paged" | "bulk") => void;
  readonly stop: AbortSignal;
}

/** How often a server without bulk export is asked again: an upgrade brings it. */
const PROBE_MS = 30_000;

/** Forwards the log in the way that the server supports, and changes over when that changes. */
export async function forwardByMode(options: LogModesOptions): Promise<void> {
  const { clock, onMode, runBulk, stop } = options;
  const losses = new Backoff({ firstMs: 500 });
  while (!stop.aborted) {
    if (await probeUntilAnswered(options)) {
      onMode("bulk");
      try {
        return await runBulk(stop);
      } catch (error) {
        if (!(error instanceof Fault) || error.kind !== "unsupported") throw error;
      }
      // Of several auth servers one may have it and another not: they take turns in answering.
      await clock.sleep(losses.nextMs(), stop).catch(() => {});
    } else if (!stop.aborted) {
      onMode("paged");
      if (!await runPagedUntilBulk(options)) return;
    }
  }
}

async function probeUntilAnswered(options: LogModesOptions): Promise<boolean> {
  const { clock, observer, probeBulk, stop, wasBulk } = options;
  const backoff = new Backoff({ firstMs: 500 });
  while (!stop.aborted) {
    try {
      const hasBulk = await probeBulk(stop);
      if (backoff.failures > 0) observer.recovered("log", "source", backoff.failures);
      return hasBulk;
    } catch (error) {
      if (stop.aborted) break;
      if (!(error instanceof Fault) || !error.transient) throw error;
      // Whoever may not list chunks may still read pages; the log itself will say what is missing. But
      // whoever has listed them before is kept out for a while, as by an identity that has expired.
      const isRefused = error.kind === "denied" || error.kind === "missing";
      if (isRefused && !await wasBulk()) return false;
      const delayMs = backoff.nextMs();
      const attempt = backoff.failures;
      observer.retrying({
        streamId: "log",
        peer: "source",
        attempt,
        reason: error.text,
        delayMs,
        lasting: error.kind === "denied",
      });
      await clock.sleep(delayMs, stop).catch(() => {});
    }
  }
  return false;
}

/** Whether pages were left because the server has gained bulk export. */
async function runPagedUntilBulk(options: LogModesOptions): Promise<boolean> {
  const { clock, probeBulk, runPaged, stop } = options;
  const ended = new AbortController();
  const gained = new AbortController();
  const watching = (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(PROBE_MS, AbortSignal.any([stop, ended.signal]));
      // A server that is away is the log's own trouble.
      if (await probeBulk(ended.signal).catch(() => false)) return gained.abort();
    }
  })().catch(() => {});
  try {
    await runPaged(AbortSignal.any([stop, gained.signal]));
  } finally {
    ended.abort();
    await watching;
  }
  return gained.signal.aborted && !stop.aborted;
}
