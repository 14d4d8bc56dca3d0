import type { Config } from "../config/config.ts";
import { isUrlText } from "../config/url_text.ts";
import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Position } from "../core/position.ts";
import type { PositionStore, StreamPosition } from "../pipeline/ports.ts";
import { goFolderFor, type GoState } from "../state/go_layout/go_state.ts";
import { type GoDamage, type GoStateFound, readGoState } from "../state/go_layout/read_go_state.ts";
import { GO_ADOPTED, toStreams } from "./go_streams.ts";
import { CHANGING, refuseHalfOfState, replaceState } from "./replace_state.ts";

/** What adoption needs. */
export interface AdoptGoStateInput {
  readonly config: Pick<Config, "storage" | "teleportAddr" | "startTimeMs" | "dryRun">;
  readonly store: PositionStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Takes over, once, what the Go handler left in the storage folder, when there is no state of our own.
 * Its files stay as they are. How far it got in the log by pages is settled with Teleport later.
 *
 * @throws {Fault} of kind `state` when it cannot be read or stored; then nothing is stored.
 */
export async function adoptGoState(
  { clock, config, logger, store }: AdoptGoStateInput,
): Promise<void> {
  if (config.dryRun) return;
  const changing = await store.read(CHANGING);
  const isBrokenOff = changing?.["by"] === "adoption";
  if (!isBrokenOff) refuseHalfOfState(changing);
  const adopted = await store.read(GO_ADOPTED);
  if (!isBrokenOff && adopted === undefined && !await isEmpty(store)) return;
  if (isUrlText(config.storage)) return;
  const folder = goFolderFor(config.storage, config.teleportAddr);
  const nowMs = clock.nowMs();
  const found = await readGoState(folder, nowMs);
  if (found === undefined) return;
  if (adopted !== undefined) return tellOfNews(adopted, { found, folder, logger });
  const startMs = config.startTimeMs;
  const streams = toStreams(found.state, { folder, nowMs, startMs });
  await replaceState(store, [...streams, adoptedStream(found, nowMs)], "adoption");
  logger.info("Taking over the state of the Go handler", {
    folder,
    ...describeGoState(found.state),
  });
  for (const damage of found.damages) logger.warning(describeDamage(damage));
}

/** Notes what was taken over, to see by it whether the Go handler has run since. */
export function adoptedStream({ digest }: GoStateFound, nowMs: number): StreamPosition {
  const position = { version: 1, at: new Date(nowMs).toISOString(), digest };
  return { streamId: GO_ADOPTED, position };
}

/** What a state of the Go handler holds, in fields for a line of the log. */
export function describeGoState(state: GoState): { [field: string]: string | number } {
  const { cursor, dates, id, sessions, startMs, windowMs } = state;
  const all = [...dates.values()];
  const bulk = dates.size === 0 ? {} : {
    dates: [...dates.keys()].join(" "),
    chunks_done: all.reduce((sum, { completed }) => sum + completed.length, 0),
    chunks_begun: all.reduce((sum, { cursors }) => sum + cursors.size, 0),
  };
  return {
    start_time: formatTime(startMs),
    window_time: formatTime(windowMs),
    id: id === "" ? "none" : id,
    cursor: cursor === "" ? "none" : `${cursor.length} characters`,
    recordings: sessions.size,
    ...bulk,
  };
}

/** One sentence about something damaged. */
export function describeDamage({ file, instead, problem }: GoDamage): string {
  return `The Go handler's file '${file}' ${problem}: ${instead}`;
}

async function isEmpty(store: PositionStore): Promise<boolean> {
  if (await store.read("log") !== undefined || await store.read("bulk") !== undefined) return false;
  for await (const _ of store.list("")) return false;
  return true;
}

function tellOfNews(
  adopted: Position,
  { folder, found, logger }: { folder: string; found: GoStateFound; logger: Logger },
): void {
  if (adopted["digest"] === found.digest) return;
  logger.warning(
    "The Go handler has run since its state was taken over, and what it sent may be sent again. " +
      "To go on where it stopped, stop this handler and run: state import --go-layout",
    { folder, taken_over: String(adopted["at"]) },
  );
}

function formatTime(ms: number | undefined): string {
  return ms === undefined ? "none" : new Date(ms).toISOString().replace(".000Z", "Z");
}
