import { formatAddress } from "../config/address_text.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import { limitTime } from "../core/limit_time.ts";
import { goFolderFor } from "../state/go_layout/go_state.ts";
import { readGoState } from "../state/go_layout/read_go_state.ts";
import { writeGoState } from "../state/go_layout/write_go_state.ts";
import { createAuthConnection } from "../teleport/auth_connection.ts";
import { decodeBulkPosition, toLogPosition } from "../teleport/bulk_position.ts";
import { readTeleportCredentials } from "../teleport/credentials.ts";
import { findGoMarks, roughGoMarks } from "../teleport/go_marks.ts";
import type { GoLogMarks } from "../teleport/go_position.ts";
import { decodeLogPosition, type LogPosition } from "../teleport/log_position.ts";
import { adoptedStream } from "./adopt_go_state.ts";
import { credentialPathsOf } from "./credential_paths.ts";
import { decodePending, fromStreams, GO_PENDING } from "./go_streams.ts";
import { isWanted } from "./state_confirm.ts";
import { formatStateDocument } from "./state_document.ts";
import { usesStateServer } from "./state_server.ts";
import { hasStateStore, openStateStore, type Positions, readPositions } from "./state_store.ts";
import type { StateContext } from "./state_table.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { formatVersion } from "./version.ts";
import { openWholeFile } from "./write_whole_file.ts";

/** Events that the Go handler asks for at a time, unless `batch` says otherwise. */
const GO_BATCH = 20;
/** Longest time to ask Teleport where exactly the Go handler has to go on. */
const ASK_MS = 20_000;

/** `state export`: the whole state as JSON, or in the files of the Go handler. */
export async function exportState(context: StateContext): Promise<number> {
  if (!await hasStateStore(context)) {
    throw new Fault("state", `Nothing is stored in '${context.folder}'`, {
      hint: "Check storage and teleport.addr: together they name the folder",
    });
  }
  using store = await openStateStore(context);
  const positions = await readPositions(store);
  if (!context.flags.has("--go-layout")) return await writeDocument(context, positions);
  const folder = goFolderOf(context);
  const before = await readGoState(folder, systemClock.nowMs());
  const question = before === undefined
    ? []
    : [`'${folder}' holds a state of the Go handler, which is replaced`];
  if (before !== undefined && !await isWanted(context, "replace it", question)) {
    writeOut("Nothing was changed\n");
    return 0;
  }
  const marks = await findMarks(context, positions);
  const state = fromStreams(positions, marks);
  await writeGoState(folder, state);
  const written = await readGoState(folder, systemClock.nowMs());
  if (written !== undefined && folder === ownGoFolder(context)) {
    // What stands there is ours: that it differs from before is no news.
    await store.commit(adoptedStream(written, systemClock.nowMs()));
  }
  writeOut(`Written to '${folder}': ${describeWritten(marks, state)}\n`);
  return 0;
}

/** The folder of the Go handler that is meant: its storage is named, or is ours. */
export function goFolderOf(context: StateContext): string {
  const [storage] = context.entries;
  if (storage !== undefined) return goFolderFor(storage, context.config.teleportAddr);
  if (!usesStateServer(context.config)) return ownGoFolder(context);
  throw new Fault("usage", "No folder is named for the Go handler's state", {
    hint: "The state is on a server: give the storage of the Go handler behind --go-layout",
  });
}

function ownGoFolder({ config }: StateContext): string {
  return goFolderFor(config.storage, config.teleportAddr);
}

async function writeDocument(
  { config, entries }: StateContext,
  positions: Positions,
): Promise<number> {
  const text = formatStateDocument(positions, {
    program: formatVersion(),
    teleport: formatAddress(config.teleportAddr),
    nowMs: systemClock.nowMs(),
  });
  const [path] = entries;
  if (path === undefined) {
    writeOut(text);
    return 0;
  }
  await using file = await openWholeFile(path);
  await file.write(new TextEncoder().encode(text));
  await file.finish();
  writeErr(`Written to '${path}': ${positions.size} streams\n`);
  return 0;
}

/** Where the Go handler has to go on in the log by pages. */
async function findMarks(context: StateContext, positions: Positions): Promise<GoLogMarks> {
  const pending = positions.get(GO_PENDING);
  if (pending !== undefined) return decodePending(pending).marks;
  const position = logPositionOf(positions);
  if (position === undefined) {
    throw new Fault("state", "Nothing stored says how far the log got", {
      hint: "Set it with state set-cursor, or start the Go handler with --start-time",
    });
  }
  try {
    return await askForMarks(context, position, systemClock);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const from = new Date(position.fromMs).toISOString();
    writeErr(
      `Teleport cannot be asked where exactly the Go handler has to go on: ` +
        `${escapeControls(error.text)}. It will send again what came since ${from}\n`,
    );
    return roughGoMarks(position);
  }
}

/** How far the log got, by whichever way it was read last. */
export function logPositionOf(positions: Positions): LogPosition | undefined {
  const log = positions.get("log");
  if (log !== undefined) return decodeLogPosition(log);
  const bulk = positions.get("bulk");
  return bulk === undefined ? undefined : toLogPosition(decodeBulkPosition(bulk));
}

async function askForMarks(
  { config, network }: StateContext,
  position: LogPosition,
  clock: Clock,
): Promise<GoLogMarks> {
  const nowMs = clock.nowMs();
  const credentials = await readTeleportCredentials(credentialPathsOf(config), nowMs);
  using connection = createAuthConnection({
    ...config.teleportAddr,
    credentials,
    network,
    callTimeoutMs: ASK_MS,
  });
  using limit = limitTime({ clock, timeoutMs: ASK_MS, stop: new AbortController().signal });
  const { types } = config;
  const pageSize = config.batch ?? GO_BATCH;
  const reading = { auditLog: connection.auditLog, types, pageSize, nowMs };
  try {
    return await findGoMarks(position, reading, limit.signal);
  } catch (error) {
    if (!limit.signal.aborted) throw error;
    throw new Fault("unavailable", `No answer within ${ASK_MS / 1000} s`);
  }
}

function describeWritten(marks: GoLogMarks, { dates, sessions }: ReturnType<typeof fromStreams>) {
  const parts = [
    marks.id === "" ? "the log" : `the log behind event ${marks.id}`,
    sessions.size === 1 ? "1 recording" : `${sessions.size} recordings`,
  ];
  if (dates.size > 0) parts.push(`${dates.size} dates of the bulk export`);
  return escapeControls(parts.join(", "));
}
