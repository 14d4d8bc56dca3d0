import { toAuditEvents } from "./audit_event.ts";
import { CircleCheck } from "./circle_check.ts";
import type { GoLogMarks } from "./go_position.ts";
import type { DoneEvent, LogPosition } from "./log_position.ts";
import { type LogQuery, type PagedAuditLog, queryLog } from "./log_query.ts";
import { StructJsonWriter } from "./struct_json.ts";

/** How the Go handler will read the log. */
export interface GoReading {
  readonly auditLog: PagedAuditLog;
  /** Types that it asks for; all when empty. */
  readonly types: readonly string[];
  /** Events that it asks for at a time. */
  readonly pageSize: number;
  /** Present time; milliseconds since the epoch. */
  readonly nowMs: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Finds the marks by which the Go handler goes on exactly behind what is done: the last event before
 * the first that is not, and the server's key of the page on which that handler would meet it.
 *
 * The reading begins some events before the position where there are any, because handlers without
 * `window_time` know the place by the key of the page alone.
 *
 * @throws {Fault} when the server cannot be asked. @throws `signal.reason`.
 */
export async function findGoMarks(
  position: LogPosition,
  reading: GoReading,
  signal: AbortSignal,
): Promise<GoLogMarks> {
  const { fromMs, startMs } = position;
  const windowMs = await findBeginning(position, reading, signal);
  const span = { startMs: windowMs, endMs: reading.nowMs + DAY_MS, order: "oldest-first" } as const;
  const doneIds = new Set(position.done.map(({ id }) => id));
  const circle = new CircleCheck();
  let marks = { startMs, windowMs, cursor: "", id: "" };
  let cursor = "";
  do {
    const page = await readPage(reading, { ...span, cursor }, signal);
    for (const { id, timeMs } of page.events) {
      if (!doneIds.has(id) && (timeMs === 0 || timeMs >= fromMs)) return marks;
      marks = { startMs, windowMs: Math.max(windowMs, oldestWindow(timeMs)), cursor, id };
    }
    cursor = circle.isCircle(page.next, page.events.length > 0) ? "" : page.next;
  } while (cursor !== "");
  return marks;
}

/** The marks without a server to ask: everything since the position repeats. */
export function roughGoMarks({ fromMs, startMs }: LogPosition): GoLogMarks {
  return { startMs, windowMs: fromMs, cursor: "", id: "" };
}

/**
 * The first second whose window, of a day, holds an event: that handler takes whatever it finds in a
 * window without the event that it knows for news.
 */
function oldestWindow(timeMs: number): number {
  return Math.floor((timeMs - DAY_MS) / 1000) * 1000 + 1000;
}

/** A second that lies a page before the position, or the position where nothing comes before it. */
async function findBeginning(
  { fromMs, startMs }: LogPosition,
  reading: GoReading,
  signal: AbortSignal,
): Promise<number> {
  if (fromMs <= startMs) return fromMs;
  const span = { startMs, endMs: fromMs - 1, order: "newest-first", cursor: "" } as const;
  const { events } = await readPage(reading, span, signal);
  const times = events.map(({ timeMs }) => timeMs).filter((ms) => ms >= startMs && ms < fromMs);
  const firstMs = Math.min(fromMs, ...times);
  return Math.max(Math.floor(firstMs / 1000) * 1000, Math.floor(startMs / 1000) * 1000);
}

async function readPage(
  { auditLog, pageSize, types }: GoReading,
  query: Omit<LogQuery, "limit" | "types">,
  signal: AbortSignal,
): Promise<{ events: readonly DoneEvent[]; next: string }> {
  const purpose = "look for the place at which the Go handler goes on";
  const page = await queryLog(
    auditLog,
    { ...query, limit: pageSize, types },
    { purpose, signal },
  );
  return { events: toAuditEvents(page, new StructJsonWriter()), next: page.lastKey };
}
