/**
 * What the official handler, written in Go, keeps in its storage folder. The layout is that of its
 * `integrations/event-handler/state.go`, written with the library diskv, and of
 * `lib/events/export/cursor.go`, in versions 13 to 18:
 *
 * | name | content |
 * | --- | --- |
 * | `start_time`, `window_time` | RFC 3339 in seconds; blank when unset, year 1 when never set |
 * | `cursor` | the server's key of the page that the last event came with |
 * | `id` | id of the last event that was sent |
 * | `session<sid>` | 8 bytes, big endian: index of the event of the recording to go on with |
 * | `missing_recording<sid>` | JSON: Index, Attempt, Timestamp |
 * | `cursor_v2/<date>/completed-chunks` | names of chunks, each with a line end behind it |
 * | `cursor_v2/<date>/<chunk>.chunk` | cursor within a chunk that is not done |
 */
export interface GoState {
  /** Start of the export; milliseconds since the epoch. */
  readonly startMs: number | undefined;
  /** Start of the window that is read, or of the one that was read last. */
  readonly windowMs: number | undefined;
  readonly cursor: string;
  readonly id: string;
  /** Recordings that are not done, by their session. */
  readonly sessions: ReadonlyMap<string, GoSession>;
  /** Bulk export, by UTC date, in their order; a date without chunks counts too. */
  readonly dates: ReadonlyMap<string, GoDate>;
}

/** A recording that is not done. */
export interface GoSession {
  /** Index of the event to go on with; it is sent once more. */
  readonly index: number;
  /** When it was uploaded; 0 when that is not known. */
  readonly uploadMs: number;
  /** Tries that did not find it. */
  readonly attempts: number;
}

/** A date of the bulk export. */
export interface GoDate {
  readonly completed: readonly string[];
  /** Where to go on in chunks that are not done. */
  readonly cursors: ReadonlyMap<string, string>;
}

/** Names in the folder. */
export const GO_NAMES = {
  startTime: "start_time",
  windowTime: "window_time",
  cursor: "cursor",
  id: "id",
  session: "session",
  missing: "missing_recording",
  dates: "cursor_v2",
  completed: "completed-chunks",
  chunk: ".chunk",
} as const;

/** Where the Go handler keeps its state for an address: it takes the host as it stands. */
export function goFolderFor(storage: string, teleport: { host: string; port: number }): string {
  return `${storage.replace(/(?<=.)\/+$/, "")}/${teleport.host}_${teleport.port}`;
}
