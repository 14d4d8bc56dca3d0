import type { Clock } from "../core/clock.ts";
import { type AuditEvent, jsonLength } from "../core/event.ts";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import {
  decodeSessionPosition,
  encodeSessionPosition,
  type SessionPosition,
} from "../core/session_position.ts";
import type { EventStream, Page } from "../pipeline/ports.ts";
import type { AuditLogClient } from "./audit_log_client.ts";
import { toAuditEvent } from "./audit_event.ts";
import type { EventMessage } from "./event_messages.ts";
import { CallCutError } from "./grpc_call.ts";
import { PageMemory } from "./page_memory.ts";
import { readWatchedStream } from "./watched_stream.ts";

/** Which recording is read, and how. */
export interface SessionStreamOptions {
  readonly auditLog: Pick<AuditLogClient, "streamUnstructuredSessionEvents">;
  readonly clock: Clock;
  /** Longest wait for a message, in milliseconds. */
  readonly idleMs?: number;
  readonly sessionId: string;
}

/** A page is handed on at so many events or bytes. */
const PAGE_EVENTS = 200;
const PAGE_BYTES = 512 * 1024;
/** Events that share an index are kept together up to so many events or bytes. */
const MAX_PAGE_EVENTS = 10 * PAGE_EVENTS;
const MAX_PAGE_BYTES = 8 * PAGE_BYTES;
/** A recording with more events has no end; a day of typing has some hundred thousand. */
const MAX_EVENTS = 20_000_000;

/**
 * The events of one session recording (StreamUnstructuredSessionEvents), by index. Events that share
 * an index stay on one side of a position, because a position is an index.
 */
export class SessionStream implements EventStream {
  readonly id: string;
  readonly #options: SessionStreamOptions;
  readonly #memory = new PageMemory();

  constructor(options: SessionStreamOptions) {
    this.id = `session/${options.sessionId}`;
    this.#options = options;
  }

  /** @throws {Fault} of kind `missing` when there is no such recording (yet). */
  async *read(stored: Position, signal: AbortSignal): AsyncGenerator<Page> {
    const start = decodeSessionPosition(stored);
    let events: AuditEvent[] = [];
    let indexes: number[] = [];
    let bytes = 0;
    let count = start.index;
    try {
      for await (const batch of this.#readFrom(start.index, signal)) {
        for (const message of batch) {
          const index = Number(message.index);
          const isFull = events.length >= PAGE_EVENTS || bytes >= PAGE_BYTES;
          const isOverfull = events.length >= MAX_PAGE_EVENTS || bytes >= MAX_PAGE_BYTES;
          if (isOverfull || isFull && index !== indexes.at(-1)) {
            yield this.#toPage(start, events, [...indexes, index]);
            [events, indexes, bytes] = [[], [], 0];
          }
          const event = toAuditEvent(message, this.#memory.writer);
          events.push(event);
          indexes.push(index);
          bytes += jsonLength(event);
          if (++count > MAX_EVENTS) {
            throw new Fault(
              "protocol",
              `Cannot read a session recording: more than ${MAX_EVENTS} events`,
            );
          }
        }
      }
    } catch (error) {
      // What came before is forwarded, but for the last index, of which more may be to come: a
      // recording that breaks at the same place each time arrives up to there.
      const count = indexes.indexOf(indexes.at(-1)!);
      if (count > 0 && !signal.aborted) yield this.#toPage(start, events.slice(0, count), indexes);
      throw error;
    }
    yield this.#toPage(start, events, indexes);
  }

  /** Reads events from an index on, in several calls where one is not read for too long. */
  async *#readFrom(
    index: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly EventMessage[]> {
    let lastIndex = index;
    /** How many events of the last index were given. */
    let given = 0;
    while (true) {
      const firstIndex = lastIndex;
      let repeated = given;
      try {
        for await (const messages of this.#callFrom(firstIndex, signal)) {
          const fresh = messages.filter((message) =>
            repeated === 0 || Number(message.index) !== firstIndex || repeated-- === 0
          );
          for (const message of fresh) {
            const index = Number(message.index);
            given = index === lastIndex ? given + 1 : 1;
            lastIndex = index;
          }
          yield fresh;
        }
        return;
      } catch (error) {
        if (!(error instanceof CallCutError)) throw error;
      }
    }
  }

  #callFrom(
    startIndex: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly EventMessage[]> {
    const { auditLog, clock, idleMs, sessionId } = this.#options;
    return readWatchedStream({
      purpose: "read a session recording",
      clock,
      ...(idleMs === undefined ? {} : { idleMs }),
      signal,
      call: (signal) =>
        auditLog.streamUnstructuredSessionEvents(
          { sessionId, startIndex },
          // A recording takes as long as the receiver does; silence is watched for instead.
          { signal, timeoutMs: 0, mayBeCut: true },
        ),
    });
  }

  /** `indexes` are those of the events, and the next one where it is known. */
  #toPage(
    start: SessionPosition,
    events: readonly AuditEvent[],
    indexes: readonly number[],
  ): Page {
    const positionAfter = (at: number) => {
      const index = indexes[at] ?? start.index - 1;
      const isShared = indexes[at + 1] === index;
      return encodeSessionPosition({ ...start, attempts: 0, index: isShared ? index : index + 1 });
    };
    const position = positionAfter(events.length - 1);
    const release = this.#memory.endPage();
    return { events, backlog: true, positionAfter, position, release };
  }
}
