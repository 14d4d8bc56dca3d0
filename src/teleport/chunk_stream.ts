import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../core/clock.ts";
import { type AuditEvent, jsonLength } from "../core/event.ts";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { EventStream, Page } from "../pipeline/ports.ts";
import { toAuditEvent } from "./audit_event.ts";
import type { AuditLogClient } from "./audit_log_client.ts";
import type { ExportedEvent } from "./event_messages.ts";
import { CallCutError } from "./grpc_call.ts";
import type { DoneEvent } from "./log_position.ts";
import { PageMemory } from "./page_memory.ts";
import { readWatchedStream } from "./watched_stream.ts";

/** Which chunk is read, and how. */
export interface ChunkStreamOptions {
  readonly auditLog: Pick<AuditLogClient, "exportUnstructuredEvents">;
  readonly clock: Clock;
  /** Longest wait for a message, in milliseconds. */
  readonly idleMs?: number;
  /** UTC date, as in `2026-01-31`. */
  readonly date: string;
  readonly chunk: string;
  /** Whether an event needs no forwarding: it is older than the start, or was forwarded before. */
  readonly isDone: (event: DoneEvent) => boolean;
  /** Whether the events are news rather than a backlog. */
  readonly isLive: () => boolean;
  /** Told when the chunk is left although more of it may be there. */
  readonly onPassedOver: (reason: string) => void;
}

const PAGE_EVENTS = 500;
const PAGE_BYTES = 512 * 1024;
/** A cursor is stored with each page, and 500 of them are held at a time; real ones are short. */
const MAX_CURSOR = 4096;

/** The events of one chunk of a bulk export (ExportUnstructuredEvents); it resumes by the cursor. */
export class ChunkStream implements EventStream {
  readonly id: string;
  readonly #options: ChunkStreamOptions;
  readonly #memory = new PageMemory();

  constructor(options: ChunkStreamOptions) {
    this.id = `chunk/${options.date}/${options.chunk}`;
    this.#options = options;
  }

  /** @throws {Fault} when the server cannot be asked, or has no such chunk. */
  async *read(stored: Position, signal: AbortSignal): AsyncGenerator<Page> {
    const { chunk, date, isDone, isLive, onPassedOver } = this.#options;
    let cursor = typeof stored["cursor"] === "string" ? stored["cursor"] : "";
    const purpose = `export chunk '${chunk}' of ${date}`;
    const lap = new LapCheck();
    let events: AuditEvent[] = [];
    let cursors: string[] = [];
    let bytes = 0;
    let pageStart = cursor;
    try {
      reading: for await (const messages of this.#readAfter(cursor, { purpose, signal })) {
        for (const message of messages) {
          if (message.cursor.length > MAX_CURSOR) {
            throw new Fault(
              "protocol",
              `Cannot ${purpose}: a cursor of ${message.cursor.length} characters`,
            );
          }
          cursor = message.cursor;
          if (message.event !== undefined) {
            const event = toAuditEvent(message.event, this.#memory.writer);
            if (lap.isDone(cursor, event.id)) {
              onPassedOver(
                `Cannot ${purpose} to its end: the server gives the same events again and again. ` +
                  "Once the auth server is upgraded, export that day again, with another storage",
              );
              break reading;
            }
            if (!isDone(event)) {
              events.push(event);
              cursors.push(cursor);
              bytes += jsonLength(event);
            }
          }
          if (events.length < PAGE_EVENTS && bytes < PAGE_BYTES) continue;
          yield { ...this.#toPage(events, cursors, cursor), backlog: !isLive() };
          [events, cursors, bytes, pageStart] = [[], [], 0, cursor];
        }
      }
    } catch (error) {
      // What came before is forwarded: a chunk that breaks at the same place each time still moves.
      const hasMoved = events.length > 0 || cursor !== pageStart;
      if (hasMoved && !signal.aborted) {
        yield { ...this.#toPage(events, cursors, cursor), backlog: true };
      }
      throw error;
    }
    yield { ...this.#toPage(events, cursors, cursor), backlog: !isLive() };
  }

  /** Reads what comes after a cursor, in several calls where one is not read for too long. */
  async *#readAfter(
    cursor: string,
    options: { purpose: string; signal: AbortSignal },
  ): AsyncGenerator<readonly ExportedEvent[]> {
    let reached = cursor;
    while (true) {
      try {
        for await (const messages of this.#callAfter(reached, options)) {
          reached = messages.at(-1)?.cursor ?? reached;
          yield messages;
        }
        return;
      } catch (error) {
        if (!(error instanceof CallCutError)) throw error;
      }
    }
  }

  /**
   * Asks for what comes after a cursor. That nothing does is true of a chunk whose end was not noted, and
   * of a server that does not know the cursor any more: so the chunk is read from its beginning up to
   * the cursor, and what follows is what was missing.
   */
  async *#callAfter(
    cursor: string,
    options: { purpose: string; signal: AbortSignal },
  ): AsyncGenerator<readonly ExportedEvent[]> {
    let isEmpty = true;
    for await (const messages of this.#call(cursor, options)) {
      isEmpty = false;
      yield messages;
    }
    if (!isEmpty || cursor === "") return;
    let isBehind = true;
    for await (const messages of this.#call("", options)) {
      if (!isBehind) yield messages;
      const at = isBehind ? messages.findIndex((message) => message.cursor === cursor) : -1;
      if (at === -1) continue;
      isBehind = false;
      yield messages.slice(at + 1);
    }
  }

  #call(
    cursor: string,
    options: { purpose: string; signal: AbortSignal },
  ): AsyncGenerator<readonly ExportedEvent[]> {
    const { auditLog, chunk, clock, date, idleMs } = this.#options;
    return readWatchedStream({
      ...options,
      clock,
      ...(idleMs === undefined ? {} : { idleMs }),
      call: (signal) =>
        auditLog.exportUnstructuredEvents(
          { date: timestampFromMs(Date.parse(date)), chunk, cursor },
          { signal, timeoutMs: 0, mayBeCut: true },
        ),
    });
  }

  #toPage(
    events: readonly AuditEvent[],
    cursors: readonly string[],
    cursor: string,
  ): Omit<Page, "backlog"> {
    return {
      events,
      position: { version: 1, cursor },
      positionAfter: (index) => ({ version: 1, cursor: cursors[index]! }),
      release: this.#memory.endPage(),
    };
  }
}

/**
 * Notices when a stream begins anew. One place is remembered, and a later one after twice as many
 * events: a stream that goes in circles comes by it again (Brent's algorithm), whatever its length.
 */
class LapCheck {
  #cursor: string | undefined;
  #id = "";
  #count = 0;
  #next = 1;

  /** Whether this event, with this cursor, was here before. */
  isDone(cursor: string, id: string): boolean {
    if (cursor === this.#cursor && id === this.#id) return true;
    if (++this.#count === this.#next) {
      this.#cursor = cursor;
      this.#id = id;
      this.#next *= 2;
    }
    return false;
  }
}
