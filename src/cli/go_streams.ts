import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import { decodeSessionPosition, encodeSessionPosition } from "../core/session_position.ts";
import { addDays, toUtcDate } from "../core/utc_date.ts";
import type { StreamPosition } from "../pipeline/ports.ts";
import type { GoDate, GoSession, GoState } from "../state/go_layout/go_state.ts";
import { decodeBulkPosition, encodeBulkPosition } from "../teleport/bulk_position.ts";
import type { GoLogMarks } from "../teleport/go_position.ts";
import { startOfLog } from "../teleport/log_position.ts";

/** What was taken over from the Go handler, and is settled with Teleport at the next start. */
export const GO_PENDING = "go-handler/pending";
/** That its state was taken over, and which. */
export const GO_ADOPTED = "go-handler/adopted";

/** The Go handler's state as it waits to be settled. */
export interface GoPending {
  readonly mode: "paged" | "bulk";
  /** Of the log by pages. */
  readonly marks: GoLogMarks;
  /** Dates of the bulk export that it was done with before others that come earlier. */
  readonly doneDates: readonly string[];
}

const VERSION = 1;
const DAY_MS = 24 * 60 * 60 * 1000;
/** How far back the last event is looked for when nothing says where the export began. */
const SEARCH_DAYS = 366;

/**
 * The streams that stand for a state of the Go handler.
 *
 * @throws {Fault} of kind `state` when nothing in it, nor `startMs`, the setting, says where to go on.
 */
export function toStreams(
  state: GoState,
  { folder, nowMs, startMs }: { folder: string; nowMs: number; startMs: number | undefined },
): StreamPosition[] {
  const sessions = [...state.sessions].map(([id, { attempts, index, uploadMs }]) => ({
    streamId: `session/${id}`,
    position: encodeSessionPosition({ index, uploadMs, attempts, dueMs: 0 }),
  }));
  const first = [...state.dates.keys()].sort()[0];
  const knownMs = state.startMs ?? startMs ?? earliest(
    state.windowMs,
    first === undefined ? undefined : Date.parse(first),
  );
  if (knownMs === undefined && state.id === "" && state.cursor === "") {
    const problem = `Nothing in '${folder}' says how far the Go handler got`;
    throw new Fault("state", problem, {
      hint: "Give --start-time, or --storage with an empty folder and --cursor with the last id",
    });
  }
  const marks: GoLogMarks = {
    startMs: knownMs ?? Math.floor(nowMs / 1000) * 1000 - SEARCH_DAYS * DAY_MS,
    windowMs: state.windowMs,
    cursor: state.cursor,
    id: state.id,
  };
  if (first === undefined) {
    return [...sessions, toPendingStream({ mode: "paged", marks, doneDates: [] })];
  }
  return [...sessions, ...toBulkStreams(state, marks)];
}

function toBulkStreams({ dates }: GoState, marks: GoLogMarks): StreamPosition[] {
  const startDate = toUtcDate(marks.startMs);
  // What lies before the start was never to be sent.
  const known = [...dates.keys()].filter((date) => date >= startDate).sort();
  const [first = startDate, last = first] = [known[0], known.at(-1)];
  const doneDates: string[] = [];
  for (let date = first; date < last; date = addDays(date, 1)) {
    if (!dates.has(date)) doneDates.push(date);
  }
  const streams: StreamPosition[] = [];
  for (const date of known) {
    const { completed, cursors } = dates.get(date)!;
    for (const chunk of completed) streams.push(doneChunk(date, chunk));
    for (const [chunk, cursor] of cursors) {
      streams.push({ streamId: `chunk/${date}/${chunk}`, position: { version: 1, cursor } });
    }
  }
  const bulk = { date: first, log: startOfLog(marks.startMs), idleAtMs: undefined };
  return [
    ...streams,
    { streamId: "bulk", position: encodeBulkPosition(bulk) },
    toPendingStream({ mode: "bulk", marks, doneDates }),
  ];
}

/** The mark of a chunk that is done. */
export function doneChunk(date: string, chunk: string): StreamPosition {
  return { streamId: `done/${date}/${chunk}`, position: {} };
}

/** The state of the Go handler that stands for these streams, with the marks of the log by pages. */
export function fromStreams(
  positions: ReadonlyMap<string, Position>,
  marks: GoLogMarks,
): GoState {
  const sessions = new Map<string, GoSession>();
  for (const [streamId, position] of positions) {
    if (!streamId.startsWith("session/")) continue;
    const { attempts, index, uploadMs } = decodeSessionPosition(position);
    sessions.set(streamId.slice("session/".length), { index, uploadMs, attempts });
  }
  const { cursor, id, startMs, windowMs } = marks;
  return { startMs, windowMs, cursor, id, sessions, dates: toDates(positions) };
}

/** All dates from the first that is not done to the last of which something is. */
function toDates(positions: ReadonlyMap<string, Position>): Map<string, GoDate> {
  const stored = positions.get("bulk");
  if (stored === undefined) return new Map();
  const { date: first, log } = decodeBulkPosition(stored);
  const found = new Map<string, { completed: string[]; cursors: Map<string, string> }>();
  let last = first;
  for (const [streamId, position] of positions) {
    const [, kind, date, chunk] = /^(chunk|done)\/(\d{4}-\d{2}-\d{2})\/(.+)$/s.exec(streamId) ?? [];
    if (date === undefined || chunk === undefined || date < first) continue;
    // Neither survives the way that the Go handler writes names of chunks.
    if (/[\s/]/.test(chunk)) continue;
    const entry = found.get(date) ?? { completed: [] as string[], cursors: new Map() };
    found.set(date, entry);
    const cursor = position["cursor"];
    if (kind === "done") entry.completed.push(chunk);
    else if (typeof cursor === "string" && cursor !== "") entry.cursors.set(chunk, cursor);
    if (date > last) last = date;
  }
  // The Go handler passes over the date of the start at each restart, unless it starts at midnight; when
  // that is all it knows, it begins there again and loses nothing.
  if (first === toUtcDate(log.startMs) && log.startMs % DAY_MS !== 0) last = first;
  const dates = new Map<string, GoDate>();
  for (let date = first; date <= last; date = addDays(date, 1)) {
    dates.set(date, found.get(date) ?? { completed: [], cursors: new Map() });
  }
  return dates;
}

/** The value to store. */
export function toPendingStream({ doneDates, marks, mode }: GoPending): StreamPosition {
  const { cursor, id, startMs, windowMs } = marks;
  const position = {
    version: VERSION,
    mode,
    startTime: new Date(startMs).toISOString(),
    windowTime: windowMs === undefined ? null : new Date(windowMs).toISOString(),
    cursor,
    id,
    doneDates,
  };
  return { streamId: GO_PENDING, position };
}

/** Reads a stored value. @throws {Fault} of kind `state` when it is none. */
export function decodePending(stored: Position): GoPending {
  const { cursor, doneDates, id, mode, startTime, version, windowTime } = stored;
  const startMs = Date.parse(String(startTime));
  const windowMs = windowTime === null ? undefined : Date.parse(String(windowTime));
  const isWhole = version === VERSION && (mode === "paged" || mode === "bulk") && !isNaN(startMs) &&
    (windowMs === undefined || !isNaN(windowMs)) && typeof cursor === "string" &&
    typeof id === "string" && Array.isArray(doneDates) &&
    doneDates.every((date) => typeof date === "string");
  if (!isWhole) {
    const text = JSON.stringify(stored).slice(0, 200);
    throw new Fault("state", `What was taken over from the Go handler cannot be read: ${text}`, {
      hint: "It is damaged, or a newer version of this program wrote it",
    });
  }
  return { mode, marks: { startMs, windowMs, cursor, id }, doneDates };
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
