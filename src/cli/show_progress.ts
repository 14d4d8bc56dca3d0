import type { Clock } from "../core/clock.ts";
import type { RunSnapshot } from "../diagnostics/run_snapshot.ts";
import { tellProgress } from "../diagnostics/tell_progress.ts";
import type { Log } from "./open_log.ts";
import { canShowProgress, openProgressLine } from "./terminal.ts";

/** What showing progress takes. */
export interface ShowProgressInput {
  readonly snapshot: () => RunSnapshot;
  readonly clock: Clock;
  readonly log: Log;
  readonly env: { readonly [name: string]: string };
}

/**
 * Shows how a backlog goes down until disposed of: on a terminal in its last line, otherwise in the
 * log. A log that goes to a file has its lines all the same.
 */
export function showProgress({ clock, env, log, snapshot }: ShowProgressInput): AsyncDisposable {
  const stop = new AbortController();
  const line = canShowProgress(env) ? openProgressLine(env) : undefined;
  const logger = line !== undefined && log.isOnTerminal ? undefined : log.logger;
  const telling = tellProgress({ snapshot, clock, logger, line }, stop.signal);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await telling;
      line?.[Symbol.dispose]();
    },
  };
}
