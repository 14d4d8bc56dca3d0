import { toAuditEvents } from "./audit_event.ts";
import { CircleCheck } from "./circle_check.ts";
import { afterEvents, type DoneEvent, type LogPosition, startOfLog } from "./log_position.ts";
import { type LogQuery, type PagedAuditLog, queryLog } from "./log_query.ts";
import { StructJsonWriter } from "./struct_json.ts";

/** Which event to look for, and where. */
export interface LogSearchOptions {
  readonly auditLog: PagedAuditLog;
  readonly id: string;
  /** Start of the export and earliest time to look at; milliseconds since the epoch. */
  readonly startMs: number | undefined;
  /** Present time; milliseconds since the epoch. */
  readonly nowMs: number;
}

/** How far back to look when no start is given. */
export const SEARCH_DAYS = 366;
const DAY_MS = 24 * 60 * 60 * 1000;

const PAGE_SIZE = 500;

/**
 * Finds the position after the event with the given id, newest first, whatever its type; undefined
 * when there is none in that time.
 *
 * @throws {Fault} when the server cannot be asked.
 */
export async function findPositionAfter(
  options: LogSearchOptions,
  signal: AbortSignal,
): Promise<LogPosition | undefined> {
  const { id, nowMs, startMs } = options;
  const range = {
    startMs: startMs ?? nowMs - SEARCH_DAYS * DAY_MS,
    // A day ahead: our clock may be behind the server's.
    endMs: nowMs + DAY_MS,
    order: "newest-first",
  } as const;
  for await (const event of readRange(options, range, signal)) {
    if (event.id === id) return await positionAfterEvent(options, event, signal);
  }
  return undefined;
}

/**
 * The position after an event. What comes before it within its second is done as well, in the order in
 * which it is exported.
 *
 * @throws {Fault} when the server cannot be asked.
 */
export async function positionAfterEvent(
  options: Pick<LogSearchOptions, "auditLog" | "startMs">,
  { id, timeMs }: DoneEvent,
  signal: AbortSignal,
): Promise<LogPosition> {
  const secondMs = Math.floor(timeMs / 1000) * 1000;
  const second = { startMs: secondMs, endMs: secondMs + 999, order: "oldest-first" } as const;
  const done: DoneEvent[] = [];
  for await (const earlier of readRange(options, second, signal)) {
    done.push(earlier);
    if (earlier.id === id) break;
  }
  const start = startOfLog(options.startMs ?? secondMs);
  return afterEvents(start, done, { limitMs: timeMs, untilMs: timeMs });
}

/** Reads a span of time to its end, or until the server goes round in circles. */
export async function* readRange(
  { auditLog }: Pick<LogSearchOptions, "auditLog">,
  range: Pick<LogQuery, "startMs" | "endMs" | "order">,
  signal: AbortSignal,
): AsyncGenerator<DoneEvent> {
  const purpose = "look for the last event that was sent";
  const writer = new StructJsonWriter();
  const circle = new CircleCheck();
  let cursor = "";
  do {
    const query = { ...range, cursor, limit: PAGE_SIZE };
    const page = await queryLog(auditLog, query, { purpose, signal });
    const events = toAuditEvents(page, writer);
    yield* events;
    cursor = circle.isCircle(page.lastKey, events.length > 0) ? "" : page.lastKey;
  } while (cursor !== "");
}
