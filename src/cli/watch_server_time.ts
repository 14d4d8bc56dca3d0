import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { RunStatus } from "../diagnostics/run_status.ts";
import type { AuthConnection } from "../teleport/auth_connection.ts";
import { readNewestEventTime } from "../teleport/newest_event.ts";

/** Whom to ask, and whom to tell. */
export interface ServerTimeInput {
  readonly auditLog: AuthConnection["auditLog"];
  readonly clock: Clock;
  readonly status: RunStatus;
}

/**
 * Asks Teleport once for its newest event, from which the end of a backlog is known before it is
 * reached, whatever the clock here says. Nothing depends on the answer but what is shown, so that a
 * failure is told to nobody. Disposing ends it.
 */
export function watchServerTime({ auditLog, clock, status }: ServerTimeInput): AsyncDisposable {
  const ended = new AbortController();
  const asking = (async () => {
    const backoff = new Backoff({ firstMs: 1000 });
    while (!ended.signal.aborted) {
      try {
        const timeMs = await readNewestEventTime(auditLog, clock.nowMs(), ended.signal);
        if (timeMs !== undefined) status.sawNewest(timeMs);
        return;
      } catch {
        await clock.sleep(backoff.nextMs(), ended.signal).catch(() => {});
      }
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      ended.abort();
      await asking;
    },
  };
}
