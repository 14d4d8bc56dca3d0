import { systemClock } from "../core/clock.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { decodeSessionPosition } from "../core/session_position.ts";
import { goFolderFor } from "../state/go_layout/go_state.ts";
import { readGoState } from "../state/go_layout/read_go_state.ts";
import { probeStorageLock } from "../state/state_probe.ts";
import { decodeBulkPosition } from "../teleport/bulk_position.ts";
import { decodeLogPosition } from "../teleport/log_position.ts";
import { decodePending, GO_ADOPTED, GO_PENDING } from "./go_streams.ts";
import { usesStateServer } from "./state_server.ts";
import { lookAtPositions, type Positions } from "./state_store.ts";
import { formatTime } from "./state_summary.ts";
import type { StateContext } from "./state_table.ts";
import { writeOut } from "./terminal.ts";

/** What `state show` says, and prints with `--json`. */
interface StateFacts {
  readonly storage: string;
  /** What keeps others from changing it; null when nothing does. */
  readonly usedBy: string | null;
  readonly startTime: string | null;
  readonly log: LogFacts | null;
  readonly recordings: readonly { id: string; index: number; tries: number }[];
  readonly givenUp: readonly { id: string; reason: string }[];
  readonly goHandler: "not there" | "to be taken over" | "to be settled" | "taken over";
  readonly goHandlerAt: string | null;
}

/** How far the log got. */
type LogFacts =
  | { readonly mode: "paged"; readonly doneUntil: string; readonly doneAfter: number }
  | {
    readonly mode: "bulk";
    readonly date: string;
    readonly chunksDone: number;
    readonly chunksBegun: number;
    readonly upToDateAt: string | null;
  }
  | { readonly mode: "go-handler"; readonly id: string; readonly windowTime: string | null };

/** `state show`: what is stored, also beside a handler that runs. */
export async function showState(context: StateContext): Promise<number> {
  const facts = await findFacts(context);
  writeOut(
    context.flags.has("--json") ? `${JSON.stringify(facts, undefined, 2)}\n` : formatFacts(facts),
  );
  return 0;
}

async function findFacts(context: StateContext): Promise<StateFacts> {
  const { config, folder } = context;
  const positions = await lookAtPositions(context);
  const isServer = usesStateServer(config);
  const lock = isServer ? undefined : await probeStorageLock(folder);
  const streams = [...positions];
  const idsBelow = (prefix: string) =>
    streams.filter(([id]) => id.startsWith(prefix))
      .map(([id, position]) => ({ id: id.slice(prefix.length), position }));
  return {
    storage: isServer ? config.storage : folder,
    usedBy: lock?.status === "failed" ? lock.text : null,
    startTime: startOf(positions),
    log: logOf(positions),
    recordings: idsBelow("session/").map(({ id, position }) => {
      const { attempts, index } = decodeSessionPosition(position);
      return { id, index, tries: attempts };
    }),
    givenUp: idsBelow("abandoned/session/").map(({ id, position }) => ({
      id,
      reason: String(position["reason"] ?? ""),
    })),
    goHandler: await findGoHandler(context, positions),
    goHandlerAt: String(positions.get(GO_ADOPTED)?.["at"] ?? "") || null,
  };
}

function startOf(positions: Positions): string | null {
  const log = positions.get("log");
  if (log !== undefined) return formatTime(decodeLogPosition(log).startMs);
  const bulk = positions.get("bulk");
  if (bulk !== undefined) return formatTime(decodeBulkPosition(bulk).log.startMs);
  const pending = positions.get(GO_PENDING);
  return pending === undefined ? null : formatTime(decodePending(pending).marks.startMs);
}

function logOf(positions: Positions): LogFacts | null {
  const log = positions.get("log");
  if (log !== undefined) {
    const { done, fromMs } = decodeLogPosition(log);
    return { mode: "paged", doneUntil: formatTime(fromMs), doneAfter: done.length };
  }
  const bulk = positions.get("bulk");
  if (bulk !== undefined) {
    const { date, idleAtMs } = decodeBulkPosition(bulk);
    const count = (prefix: string) =>
      positions.keys().reduce((sum, id) => id.startsWith(prefix) ? sum + 1 : sum, 0);
    return {
      mode: "bulk",
      date,
      chunksDone: count("done/"),
      chunksBegun: count("chunk/"),
      upToDateAt: idleAtMs === undefined ? null : formatTime(idleAtMs),
    };
  }
  const pending = positions.get(GO_PENDING);
  if (pending === undefined) return null;
  const { id, windowMs } = decodePending(pending).marks;
  const windowTime = windowMs === undefined ? null : formatTime(windowMs);
  return { mode: "go-handler", id, windowTime };
}

async function findGoHandler(
  { config }: StateContext,
  positions: Positions,
): Promise<StateFacts["goHandler"]> {
  if (positions.has(GO_PENDING)) return "to be settled";
  if (positions.has(GO_ADOPTED)) return "taken over";
  if (positions.size > 0 || usesStateServer(config)) return "not there";
  const folder = goFolderFor(config.storage, config.teleportAddr);
  const found = await readGoState(folder, systemClock.nowMs());
  return found === undefined ? "not there" : "to be taken over";
}

function formatFacts(facts: StateFacts): string {
  const { givenUp, goHandler, goHandlerAt, log, recordings, startTime, storage, usedBy } = facts;
  const rows: (readonly [string, string])[] = [
    ["Storage", storage],
    ["Used by", usedBy ?? "nobody"],
    ["Start", startTime ?? "none yet"],
    ["Log", formatLog(log)],
    ["Recordings", recordings.length === 0 ? "none waiting" : `${recordings.length} waiting`],
  ];
  for (const { id, index, tries } of recordings.slice(0, MAX_SHOWN)) {
    rows.push(["", `${id} from event ${index}${tries === 0 ? "" : `, tried ${tries} times`}`]);
  }
  if (recordings.length > MAX_SHOWN) rows.push(["", "… (--json shows all)"]);
  if (givenUp.length > 0) rows.push(["Given up", `${givenUp.length} recordings`]);
  const at = goHandlerAt === null ? "" : ` at ${goHandlerAt}`;
  if (goHandler !== "not there") rows.push(["Go handler", `${GO_HANDLER[goHandler]}${at}`]);
  return rows.map(([name, text]) => escapeControls(`${name.padEnd(12)}${text}`) + "\n").join("");
}

const MAX_SHOWN = 20;
const GO_HANDLER = {
  "to be taken over": "the first start takes over its state",
  "to be settled": "the next start asks Teleport where it stopped; its state was taken over",
  "taken over": "its state was taken over",
} as const;

function formatLog(log: LogFacts | null): string {
  switch (log?.mode) {
    case undefined:
      return "nothing is stored yet";
    case "paged": {
      const after = log.doneAfter === 0 ? "" : `, and ${log.doneAfter} events after that`;
      return `by pages, done up to ${log.doneUntil}${after}`;
    }
    case "bulk": {
      const upToDate = log.upToDateAt === null ? "" : `, up to date at ${log.upToDateAt}`;
      return `by chunks, all before ${log.date} done, ${log.chunksDone} chunks since, ` +
        `${log.chunksBegun} begun${upToDate}`;
    }
    case "go-handler":
      return log.id === ""
        ? `where the Go handler began, at ${log.windowTime ?? "its start"}`
        : `behind event ${log.id}, the last that the Go handler sent`;
  }
}
