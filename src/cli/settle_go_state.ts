import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { PositionStore, StreamPosition } from "../pipeline/ports.ts";
import type { AuthConnection } from "../teleport/auth_connection.ts";
import { listChunks } from "../teleport/chunk_list.ts";
import { takesChunkCursor } from "../teleport/chunk_cursor.ts";
import { findGoPosition } from "../teleport/go_position.ts";
import { encodeLogPosition } from "../teleport/log_position.ts";
import { decodePending, doneChunk, GO_ADOPTED, GO_PENDING, type GoPending } from "./go_streams.ts";

/** What settling needs. */
export interface SettleGoStateInput {
  readonly store: PositionStore;
  readonly auditLog: AuthConnection["auditLog"];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/**
 * Asks Teleport what the Go handler's state that was taken over means: which event its id is, whether
 * cursors are good. Waits for Teleport; nothing is sent before. Does nothing where nothing waits.
 *
 * @throws {Fault} when waiting does not help. @throws `stop.reason`.
 */
export async function settleGoState(input: SettleGoStateInput): Promise<void> {
  const { clock, logger, stop, store } = input;
  const stored = await store.read(GO_PENDING);
  if (stored === undefined) return;
  const pending = decodePending(stored);
  const backoff = new Backoff({ firstMs: 500 });
  while (true) {
    try {
      return pending.mode === "paged"
        ? await settlePages(pending, input)
        : await settleChunks(pending, input);
    } catch (error) {
      if (!(error instanceof Fault) || !error.transient) throw error;
      const delayMs = backoff.nextMs();
      logger.warning(`Teleport is not available, trying again: ${error.text}`);
      await clock.sleep(delayMs, stop);
    }
  }
}

async function settlePages(
  { marks }: GoPending,
  { auditLog, clock, logger, stop, store }: SettleGoStateInput,
): Promise<void> {
  const options = { auditLog, nowMs: clock.nowMs() };
  const found = await findGoPosition(marks, options, stop);
  const { foundBy, position } = found;
  const from = new Date(position.fromMs).toISOString();
  if (found.isCursorRefused) {
    logger.warning("Teleport does not take the Go handler's cursor: it is done without");
  }
  if (foundBy === "cursor" || foundBy === "window") {
    const what = foundBy === "cursor" ? "the page on which it came" : "all since its window began";
    logger.warning(
      `The last event that the Go handler sent cannot be found: ${what} is sent again`,
      { id: marks.id === "" ? "none" : marks.id, from },
    );
  }
  // Opened, not set: another handler that shares the state may have settled it, and moved on.
  await store.commit({
    streamId: GO_ADOPTED,
    position: await store.read(GO_ADOPTED) ?? { version: 1 },
    open: [{ streamId: "log", position: encodeLogPosition(position) }],
    forget: [GO_PENDING],
  });
  logger.info("Going on where the Go handler stopped", { from });
}

async function settleChunks(
  pending: GoPending,
  input: SettleGoStateInput,
): Promise<void> {
  const { logger, store } = input;
  let changes: StreamPosition[];
  try {
    changes = [...await findDone(pending, input), ...await findBadCursors(input)];
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== "unsupported") throw error;
    // The server has lost its bulk export; what reads by pages begins at a date.
    changes = [];
  }
  for (const change of changes) await store.commit(change);
  await store.forget([GO_PENDING]);
  const first = (await store.read("bulk"))?.["date"];
  logger.info("Going on where the Go handler stopped", { from: String(first) });
}

/** Of dates that it was done with, the marks that say so are gone: their chunks of now are done. */
async function findDone(
  { doneDates }: GoPending,
  { auditLog, clock, stop }: SettleGoStateInput,
): Promise<StreamPosition[]> {
  const done: StreamPosition[] = [];
  for (const date of doneDates) {
    for (const chunk of await listChunks({ auditLog, clock }, date, stop)) {
      done.push(doneChunk(date, chunk));
    }
  }
  return done;
}

/** A chunk that the server does not know, or whose cursor it does not take, begins anew. */
async function findBadCursors(
  { auditLog, clock, logger, stop, store }: SettleGoStateInput,
): Promise<StreamPosition[]> {
  const changes: StreamPosition[] = [];
  const known = new Map<string, ReadonlySet<string>>();
  for await (const { position, streamId } of store.list("chunk/")) {
    const [, date, chunk] = /^chunk\/([^/]+)\/(.+)$/s.exec(streamId) ?? [];
    if (date === undefined || chunk === undefined) continue;
    const chunks = known.get(date) ?? new Set(await listChunks({ auditLog, clock }, date, stop));
    known.set(date, chunks);
    if (!chunks.has(chunk)) {
      logger.warning("The Go handler was reading a chunk that Teleport does not list", {
        date,
        chunk,
      });
      continue;
    }
    const cursor = String(position["cursor"] ?? "");
    if (await takesChunkCursor({ auditLog, clock }, { date, chunk, cursor }, stop)) continue;
    logger.warning(
      "Teleport does not take the Go handler's cursor of a chunk: it is sent from its beginning",
      { date, chunk },
    );
    changes.push({ streamId, position: { version: 1, cursor: "" } });
  }
  return changes;
}
