import { Fault } from "../core/fault.ts";
import { toAuditEvents } from "./audit_event.ts";
import { type DoneEvent, type LogPosition, startOfLog } from "./log_position.ts";
import { type PagedAuditLog, queryLog } from "./log_query.ts";
import { positionAfterEvent, readRange } from "./log_search.ts";
import { StructJsonWriter } from "./struct_json.ts";

/** Where the Go handler stood in the log by pages. */
export interface GoLogMarks {
  /** Start of the export; milliseconds since the epoch. */
  readonly startMs: number;
  /** Start of the window that it read; never passes an event that was not sent. */
  readonly windowMs: number | undefined;
  /** The server's key of the page with the last event. */
  readonly cursor: string;
  /** The last event that was sent; blank when none was. */
  readonly id: string;
}

/** Where that is for us. */
export interface GoLogPosition {
  readonly position: LogPosition;
  /** What it was found by. By all but `event` some events come again; by `start` there are none before. */
  readonly foundBy: "event" | "cursor" | "window" | "start";
  /** Whether the server refused the cursor. */
  readonly isCursorRefused: boolean;
}

const PAGE_SIZE = 500;
const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Finds the position after the last event that the Go handler has sent. It lies on the page of its
 * cursor, where the server still takes that; else it is looked for in the window, from both ends, so
 * that it is found soon whether little or much was left to send; else shortly before the window, which
 * moves on while no events come.
 *
 * When it cannot be found, or its id was cut off, the page of the cursor is where the Go handler would
 * go on as well: it writes one after the other, so that a crash cuts one of them at most. Else the
 * window is, and everything since it began repeats.
 *
 * @throws {Fault} when the server cannot be asked. @throws `signal.reason`.
 */
export async function findGoPosition(
  marks: GoLogMarks,
  { auditLog, nowMs }: { readonly auditLog: PagedAuditLog; readonly nowMs: number },
  signal: AbortSignal,
): Promise<GoLogPosition> {
  const { cursor, id, startMs } = marks;
  const windowMs = Math.max(marks.windowMs ?? startMs, startMs);
  const span = { startMs: windowMs, endMs: nowMs + DAY_MS };
  const page = await readCursorPage(auditLog, { ...span, cursor }, signal);
  const isCursorRefused = page === undefined;
  if (id !== "") {
    const event = page?.find((event) => event.id === id) ??
      await findFromBothEnds(auditLog, { ...span, id }, signal) ??
      await findBefore(auditLog, { startMs, endMs: windowMs, id }, signal);
    if (event !== undefined) {
      const position = await positionAfterEvent({ auditLog, startMs }, event, signal);
      return { position, foundBy: "event", isCursorRefused };
    }
  }
  const first = page?.find(({ timeMs }) => timeMs !== 0);
  if (first !== undefined) {
    const after = await positionAfterEvent({ auditLog, startMs }, first, signal);
    const position = { ...after, done: after.done.filter(({ id }) => id !== first.id) };
    return { position, foundBy: "cursor", isCursorRefused };
  }
  const position = { ...startOfLog(startMs), fromMs: Math.floor(windowMs / 1000) * 1000 };
  const isBlank = id === "" && cursor === "";
  return { position, foundBy: isBlank ? "start" : "window", isCursorRefused };
}

interface Span {
  readonly startMs: number;
  readonly endMs: number;
  readonly id: string;
}

/** The page of the cursor; empty for a blank one, undefined when the server does not take it. */
async function readCursorPage(
  auditLog: PagedAuditLog,
  { cursor, endMs, startMs }: Omit<Span, "id"> & { readonly cursor: string },
  signal: AbortSignal,
): Promise<readonly DoneEvent[] | undefined> {
  if (cursor === "") return [];
  const query = { startMs, endMs, cursor, order: "oldest-first", limit: PAGE_SIZE } as const;
  const purpose = "look for the last event that was sent";
  try {
    const page = await queryLog(auditLog, query, { purpose, signal });
    return toAuditEvents(page, new StructJsonWriter());
  } catch (error) {
    // Servers refuse a cursor in many ways; whether this one can be asked at all shows at the next call.
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

async function findFromBothEnds(
  auditLog: PagedAuditLog,
  { endMs, id, startMs }: Span,
  signal: AbortSignal,
): Promise<DoneEvent | undefined> {
  const oldest = readRange({ auditLog }, { startMs, endMs, order: "oldest-first" }, signal);
  const newest = readRange({ auditLog }, { startMs, endMs, order: "newest-first" }, signal);
  let [highMs, lowMs] = [-Infinity, Infinity];
  try {
    while (true) {
      for (const events of [oldest, newest]) {
        for (let count = 0; count < PAGE_SIZE; count++) {
          const { done, value: event } = await events.next();
          if (done) return undefined;
          if (event.id === id) return event;
          if (event.timeMs === 0) continue;
          if (events === oldest) highMs = Math.max(highMs, event.timeMs);
          else lowMs = Math.min(lowMs, event.timeMs);
        }
      }
      // They have met, and passed each other.
      if (highMs > lowMs + 1000) return undefined;
    }
  } finally {
    await Promise.all([oldest.return(undefined), newest.return(undefined)]);
  }
}

/** The last event of all that came before the window, if it is that one. */
async function findBefore(
  auditLog: PagedAuditLog,
  { endMs, id, startMs }: Span,
  signal: AbortSignal,
): Promise<DoneEvent | undefined> {
  if (endMs <= startMs) return undefined;
  const newest = readRange({ auditLog }, { startMs, endMs, order: "newest-first" }, signal);
  let count = 0;
  for await (const event of newest) {
    if (event.id === id) return event;
    if (++count === PAGE_SIZE) return undefined;
  }
  return undefined;
}
