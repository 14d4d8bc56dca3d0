import { type Clock, systemClock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { StreamPosition } from "../pipeline/ports.ts";
import { readTeleportCredentials } from "../teleport/credentials.ts";
import { encodeLogPosition, type LogPosition, startOfLog } from "../teleport/log_position.ts";
import { findPositionAfter, SEARCH_DAYS } from "../teleport/log_search.ts";
import { createAuthConnection } from "../teleport/auth_connection.ts";
import { credentialPathsOf } from "./credential_paths.ts";
import { GO_PENDING } from "./go_streams.ts";
import { CURSOR_HINT, parseCursor } from "./parse_cursor.ts";
import { replaceState } from "./replace_state.ts";
import { isWanted } from "./state_confirm.ts";
import { logPositionOf } from "./state_export.ts";
import { openStateStore, readPositions } from "./state_store.ts";
import { formatTime } from "./state_summary.ts";
import type { StateContext } from "./state_table.ts";
import { writeOut } from "./terminal.ts";

/** `state set-cursor`: the log goes on from a time, or behind an event; recordings stay as they are. */
export async function setCursor(context: StateContext): Promise<number> {
  const [text] = context.entries;
  if (text === undefined) {
    throw new Fault("usage", "No time and no event is named", { hint: CURSOR_HINT });
  }
  const clock = systemClock;
  const timeMs = parseCursor(text, clock.nowMs());
  const found = timeMs === undefined
    ? await findEvent(context, text, clock)
    : startOfLog(context.config.startTimeMs ?? timeMs);
  using store = await openStateStore(context);
  const positions = await readPositions(store);
  const before = positions.has(GO_PENDING) ? undefined : logPositionOf(positions);
  const startMs = before?.startMs ?? found.startMs;
  const fromMs = timeMs === undefined ? found.fromMs : Math.floor(timeMs / 1000) * 1000;
  const log: LogPosition = { ...found, startMs, fromMs };
  const lines = describeChange(before, log);
  if (positions.size > 0 && !await isWanted(context, "move the log", lines)) {
    writeOut("Nothing was changed\n");
    return 0;
  }
  // What is known of chunks is of the place that is left.
  const kept: StreamPosition[] = [...positions]
    .filter(([id]) => !/^(log|bulk)$|^(chunk|done)\//.test(id) && id !== GO_PENDING)
    .map(([streamId, position]) => ({ streamId, position }));
  await replaceState(store, [...kept, { streamId: "log", position: encodeLogPosition(log) }]);
  writeOut(`The log goes on from ${formatTime(log.fromMs)}\n`);
  return 0;
}

async function findEvent(
  { config, network }: StateContext,
  id: string,
  clock: Clock,
): Promise<LogPosition> {
  const nowMs = clock.nowMs();
  const credentials = await readTeleportCredentials(credentialPathsOf(config), nowMs);
  using connection = createAuthConnection({
    ...config.teleportAddr,
    credentials,
    callTimeoutMs: config.teleportTimeoutMs,
    network,
  });
  const never = new AbortController().signal;
  const search = { auditLog: connection.auditLog, id, startMs: undefined, nowMs };
  const found = await findPositionAfter(search, never);
  if (found !== undefined) return found;
  const problem = `Cannot find the event '${id}' in the last ${SEARCH_DAYS} days`;
  throw new Fault("usage", problem, { hint: "Check the id, or give a time; nothing was changed" });
}

function describeChange(before: LogPosition | undefined, after: LogPosition): string[] {
  if (before === undefined) return [`The log is to go on from ${formatTime(after.fromMs)}`];
  const what = after.fromMs < before.fromMs ? "come again" : "do not come at all";
  return [
    `The log stands at ${formatTime(before.fromMs)} and is to go on from ${
      formatTime(after.fromMs)
    }`,
    `The events between ${what}`,
  ];
}
