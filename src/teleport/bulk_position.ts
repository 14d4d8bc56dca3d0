import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import {
  decodeLogPosition,
  encodeLogPosition,
  type LogPosition,
  startOfLog,
} from "./log_position.ts";

/** Where a bulk export resumes: the first date that is not done with, beside the marks of its chunks. */
export interface BulkPosition {
  /** First UTC date that is watched, such as `2026-01-31`. */
  readonly date: string;
  /** Where the log began, or was left by pages: events before it, or done there, are not wanted. */
  readonly log: LogPosition;
  /** When everything there was had been forwarded, at the latest; milliseconds since the epoch. */
  readonly idleAtMs: number | undefined;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Events reach the chunks of a bulk export later than the log itself. */
const CHUNK_DELAY_MS = 2 * 60 * 60 * 1000;

/** The beginning of a bulk export that takes over from the log by pages, or from nothing. */
export function startOfBulk(log: LogPosition): BulkPosition {
  return { date: new Date(log.fromMs).toISOString().slice(0, 10), log, idleAtMs: undefined };
}

/**
 * Where the log by pages goes on when the server has lost its bulk export: the beginning of a day that
 * was complete. Events of that day repeat, because chunks come in no order.
 */
export function toLogPosition(bulk: BulkPosition): LogPosition {
  const { date, idleAtMs, log } = bulk;
  const dayMs = idleAtMs === undefined
    ? Date.parse(date)
    : Math.floor((idleAtMs - CHUNK_DELAY_MS) / DAY_MS) * DAY_MS;
  if (dayMs <= log.fromMs) return log;
  return { ...startOfLog(log.startMs), fromMs: dayMs };
}

/** The value to store. */
export function encodeBulkPosition({ date, idleAtMs, log }: BulkPosition): Position {
  const idleAt = idleAtMs === undefined ? null : new Date(idleAtMs).toISOString();
  return { version: 1, date, idleAt, log: encodeLogPosition(log) };
}

/**
 * Reads a stored value.
 *
 * @throws {Fault} of kind `state` when it is not a position of a bulk export.
 */
export function decodeBulkPosition(stored: Position): BulkPosition {
  const { date, idleAt, log, version } = stored;
  const isDate = typeof date === "string" && /^\d{4}-\d{2}-\d{2}$/.test(date) &&
    !isNaN(Date.parse(date));
  const idleAtMs = typeof idleAt === "string" ? Date.parse(idleAt) : undefined;
  const isLog = typeof log === "object" && log !== null && !Array.isArray(log);
  if (version !== 1 || !isDate || !isLog || (idleAtMs !== undefined && isNaN(idleAtMs))) {
    const text = JSON.stringify(stored).slice(0, 200);
    throw new Fault("state", `Stored position of the bulk export cannot be read: ${text}`, {
      hint: "It is damaged, or a newer version of this program wrote it",
    });
  }
  return { date, log: decodeLogPosition(log as Position), idleAtMs };
}
