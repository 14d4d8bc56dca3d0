import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { PipelineObserver } from "./ports.ts";

/** On whose behalf the store is used. */
export interface StoreWaitOptions {
  readonly streamId: string;
  readonly clock: Clock;
  readonly observer: PipelineObserver;
  /** Longest pause between two tries, in milliseconds. @default {that of Backoff} */
  readonly maxPauseMs?: number;
  /** Ends the waiting. */
  readonly stop: AbortSignal;
}

/**
 * Uses the store again and again until that works: a full disk, or a store in the network that is
 * away, holds its stream up and neither ends nor repeats it. Resolves with undefined when it is
 * stopped before.
 *
 * @throws what `use` throws and is no fault of the store.
 */
export async function waitForStore<T>(
  use: () => Promise<T>,
  options: StoreWaitOptions,
): Promise<T | undefined> {
  const { clock, maxPauseMs, observer, stop, streamId } = options;
  const backoff = new Backoff({
    firstMs: 500,
    ...maxPauseMs === undefined ? {} : { maxMs: maxPauseMs },
  });
  while (true) {
    try {
      const result = await use();
      if (backoff.failures > 0) observer.recovered(streamId, "state", backoff.failures);
      return result;
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== "state") throw error;
      if (stop.aborted) return undefined;
      const delayMs = backoff.nextMs();
      const attempt = backoff.failures;
      const { lasting, text: reason } = error;
      observer.retrying({ streamId, peer: "state", attempt, reason, delayMs, lasting });
      await clock.sleep(delayMs, stop).catch(() => {});
    }
  }
}
