import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { PositionStore } from "../pipeline/ports.ts";
import { decodeBulkPosition } from "../teleport/bulk_position.ts";
import { decodeLogPosition, type LogPosition, startOfLog } from "../teleport/log_position.ts";
import { findPositionAfter, type LogSearchOptions, SEARCH_DAYS } from "../teleport/log_search.ts";

/** From where the settings and the store say that the log is to be forwarded. */
export interface FirstPositionInput {
  /** `start-time`. */
  readonly startMs: number | undefined;
  /** `cursor`: id of the last event that was forwarded. */
  readonly cursor: string | undefined;
  readonly store: PositionStore;
  readonly auditLog: LogSearchOptions["auditLog"];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/**
 * Decides where the log begins or goes on, and says so.
 *
 * @throws {Fault} of kind `config` when `start-time` is not that of the first run, or the event of
 * `cursor` cannot be found. @throws `stop.reason`.
 */
export async function firstLogPosition(input: FirstPositionInput): Promise<LogPosition> {
  const { clock, cursor, logger, startMs, store } = input;
  const position = await readStored(store);
  if (position !== undefined) {
    refuseOtherStart(position, input);
    if (cursor !== undefined) logger.info("Setting cursor is not used: the state is there");
    logger.info("Resuming", { from: new Date(position.fromMs).toISOString() });
    return position;
  }
  if (cursor !== undefined) return await searchUntilAnswered({ ...input, cursor });
  const start = startOfLog(startMs ?? clock.nowMs());
  logger.info("Starting", { from: new Date(start.fromMs).toISOString() });
  return start;
}

/** How far the log got, by whichever way it was read last. */
async function readStored(store: PositionStore): Promise<LogPosition | undefined> {
  const log = await store.read("log");
  if (log !== undefined) return decodeLogPosition(log);
  const bulk = await store.read("bulk");
  if (bulk === undefined) return undefined;
  const { date, idleAtMs, log: start } = decodeBulkPosition(bulk);
  return { ...start, fromMs: Math.max(start.fromMs, idleAtMs ?? Date.parse(date)) };
}

function refuseOtherStart(position: LogPosition, { startMs }: FirstPositionInput): void {
  const isSame = startMs === undefined ||
    Math.floor(startMs / 1000) === Math.floor(position.startMs / 1000);
  if (isSame) return;
  const [given, fixed] = [
    new Date(startMs).toISOString(),
    new Date(position.startMs).toISOString(),
  ];
  throw new Fault(
    "config",
    `You can not change start time in the middle of ingestion: start-time is ${given}, ` +
      `and the first run fixed ${fixed}`,
    {
      hint: "Remove start-time to go on. To restart the ingestion from another time, stop the " +
        "handler and run: state reset",
    },
  );
}

/** Teleport may be away at start; the search waits for it. */
async function searchUntilAnswered(
  input: FirstPositionInput & { cursor: string },
): Promise<LogPosition> {
  const { auditLog, clock, cursor, logger, startMs, stop } = input;
  const backoff = new Backoff({ firstMs: 500 });
  logger.info("Looking for the event to go on after", { id: cursor });
  while (true) {
    const nowMs = clock.nowMs();
    try {
      const position = await findPositionAfter({ auditLog, id: cursor, startMs, nowMs }, stop);
      if (position !== undefined) {
        logger.info("Found it", { from: new Date(position.fromMs).toISOString() });
        return position;
      }
    } catch (error) {
      if (!(error instanceof Fault) || !error.transient) throw error;
      const delayMs = backoff.nextMs();
      logger.warning(`Teleport is not available, trying again: ${error.text}`);
      await clock.sleep(delayMs, stop);
      continue;
    }
    const since = startMs === undefined
      ? `in the last ${SEARCH_DAYS} days`
      : `since ${new Date(startMs).toISOString()}`;
    throw new Fault("config", `Cannot find the event '${cursor}' of cursor ${since}`, {
      hint: "Check the id; to look further back, give start-time as well",
    });
  }
}
