import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";

/**
 * Where to resume the audit log: a second, and the events of that second or later that are done.
 *
 * The server's own cursor is not kept: most back ends take it only for the window it was made in, and
 * answer nothing at all otherwise (gravitational/teleport#58365). A whole second is the unit because
 * some back ends keep no finer time and order the events within a second as they like.
 */
export interface LogPosition {
  /** Start of the export, fixed at the first run; milliseconds since the epoch. */
  readonly startMs: number;
  /** Whole second to read from, inclusive; milliseconds since the epoch. */
  readonly fromMs: number;
  /** Events at or after `fromMs` that need not be forwarded again. */
  readonly done: readonly DoneEvent[];
}

/** What recognises an event when it is read again. */
export interface DoneEvent {
  readonly id: string;
  readonly timeMs: number;
}

/** What was asked of the server. */
export interface ReadRange {
  /**
   * The latest moment to advance to: an event of a machine whose clock runs ahead must not carry the
   * position past events still to come.
   */
  readonly limitMs: number;
  /** The latest moment of which events may have been read. */
  readonly untilMs: number;
}

/** Bytes of ids that a position holds: a value in the store must stay under 60 KiB. */
const MAX_ID_BYTES = 48 * 1024;
const YEAR_0_MS = Date.parse("0000-01-01");
const YEAR_10000_MS = Date.UTC(10_000, 0);
/** Format of the stored value; a change that older versions cannot read takes the next number. */
const VERSION = 1;

/** The position before the first event. */
export function startOfLog(startMs: number): LogPosition {
  return { startMs, fromMs: toSecond(startMs), done: [] };
}

/**
 * The position after the given events, read in this order from the given range.
 */
export function afterEvents(
  position: LogPosition,
  events: readonly DoneEvent[],
  { limitMs, untilMs }: ReadRange,
): LogPosition {
  let fromMs = position.fromMs;
  for (const { timeMs } of events) {
    if (timeMs !== 0) fromMs = Math.max(fromMs, toSecond(Math.min(timeMs, limitMs)));
  }
  let done = position.done.filter((event) => event.timeMs >= fromMs);
  for (const { id, timeMs } of events) {
    // Nobody knows where the server keeps an event without a time; not after what it was asked for.
    if (timeMs === 0) done.push({ id, timeMs: Math.max(fromMs, untilMs) });
    else if (timeMs >= fromMs) done.push({ id, timeMs });
  }
  // Too many to keep means that our clock is behind the server's: trust the events' times where most
  // of them agree.
  while (countIdBytes(done) > MAX_ID_BYTES) {
    const nextMs = done.reduce(
      (min, e) => e.timeMs >= fromMs + 1000 ? Math.min(min, e.timeMs) : min,
      Infinity,
    );
    const later = done.filter((event) => event.timeMs >= nextMs);
    if (later.length < done.length / 2) break;
    fromMs = toSecond(nextMs);
    done = later;
  }
  return { startMs: position.startMs, fromMs, done };
}

/** The position when everything before `untilMs` has been read. */
export function afterWindow(position: LogPosition, untilMs: number): LogPosition {
  const fromMs = Math.max(position.fromMs, toSecond(untilMs));
  return {
    startMs: position.startMs,
    fromMs,
    done: position.done.filter((event) => event.timeMs >= fromMs),
  };
}

/** Says of each event read again, once, whether the position holds it as done. */
export function createDoneCheck(position: LogPosition): (event: DoneEvent) => boolean {
  const left = new Map<string, number>();
  for (const { id } of position.done) left.set(id, (left.get(id) ?? 0) + 1);
  return ({ id }) => {
    // As in most positions of a backlog; looking for an id would cost its hash.
    if (left.size === 0) return false;
    const count = left.get(id);
    if (count === undefined) return false;
    if (count === 1) left.delete(id);
    else left.set(id, count - 1);
    return true;
  };
}

/**
 * Whether events that should follow a position were read before, all of them: they lie before it, or
 * are done there. Pages that begin anew somewhere are no news, whatever their cursors.
 */
export function isRepeated(events: readonly DoneEvent[], position: LogPosition): boolean {
  if (events.length === 0) return false;
  const doneIds = new Set(position.done.map(({ id }) => id));
  return events.every(({ id, timeMs }) =>
    doneIds.has(id) || timeMs !== 0 && timeMs < position.fromMs
  );
}

/** The value to store. Of more done events than fit, the newest are kept. */
export function encodeLogPosition(position: LogPosition): Position {
  let first = position.done.length;
  for (let bytes = 0; first > 0; first--) {
    bytes += position.done[first - 1]!.id.length;
    if (bytes > MAX_ID_BYTES) break;
  }
  return {
    version: VERSION,
    startTime: new Date(position.startMs).toISOString(),
    from: new Date(position.fromMs).toISOString(),
    // Times are kept as the distance to `from`: shorter, and easy to read beside it.
    done: position.done.slice(first).map(({ id, timeMs }) => [id, timeMs - position.fromMs]),
  };
}

/**
 * Reads a stored value.
 *
 * @throws {Fault} of kind `state` when it is not a position of the audit log.
 */
export function decodeLogPosition(stored: Position): LogPosition {
  const startMs = parseTime(stored["startTime"]);
  const fromMs = parseTime(stored["from"]);
  const done = stored["done"];
  if (stored["version"] !== VERSION || isNaN(startMs) || isNaN(fromMs) || !Array.isArray(done)) {
    throw unreadable(stored);
  }
  return {
    startMs,
    fromMs,
    done: done.map((entry: unknown) => {
      if (!Array.isArray(entry)) throw unreadable(stored);
      const [id, offsetMs] = entry;
      if (typeof id !== "string" || typeof offsetMs !== "number") throw unreadable(stored);
      return { id, timeMs: fromMs + offsetMs };
    }),
  };
}

function unreadable(stored: Position): Fault {
  const text = JSON.stringify(stored).slice(0, 200);
  return new Fault("state", `Stored position of the audit log cannot be read: ${text}`, {
    hint: "It is damaged, or a newer version of this program wrote it",
  });
}

/** Of a time that no log can have, nothing could be counted on. */
function parseTime(value: unknown): number {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return ms >= YEAR_0_MS && ms < YEAR_10000_MS ? ms : NaN;
}

function toSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** Length in JSON is what counts, and an id of ordinary characters is as long as its text. */
function countIdBytes(events: readonly DoneEvent[]): number {
  return events.reduce((sum, event) => sum + event.id.length + 12, 0);
}
