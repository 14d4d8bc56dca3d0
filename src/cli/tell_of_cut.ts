import type { Logger } from "../core/logger.ts";
import type { RunSnapshot } from "../diagnostics/run_snapshot.ts";

/** Says what the end of `shutdown-timeout` cuts off, if anything. */
export function tellOfCut(
  { inFlightEvents: events }: Pick<RunSnapshot, "inFlightEvents">,
  { logger }: { readonly logger: Logger },
): void {
  if (events === 0) return;
  logger.warning(
    "The time to stop in is over (shutdown-timeout): events without an answer of Fluentd may be " +
      "delivered twice",
    { events },
  );
}

/** Says, at the end of a run that was stopped, that what was delivered last is not stored as such. */
export function tellOfUnstored(
  { storeProblem: reason }: Pick<RunSnapshot, "storeProblem">,
  { logger, stop }: { readonly logger: Logger; readonly stop: AbortSignal },
): void {
  if (reason === undefined || !stop.aborted) return;
  logger.warning(
    "The last position could not be stored: events since the one before may be delivered twice",
    { reason },
  );
}
