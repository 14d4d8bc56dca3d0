import type { Client } from "@connectrpc/connect";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { Clock } from "../core/clock.ts";
import type { AuditEvent } from "../core/event.ts";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { EventStream, Page } from "../pipeline/ports.ts";
import { toAuditEvent } from "./audit_event.ts";
import {
  type AuditLogService,
  type EventsUnstructured,
  Order,
} from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import { toTeleportFault } from "./grpc_fault.ts";
import {
  afterEvents,
  afterWindow,
  createDoneCheck,
  decodeLogPosition,
  encodeLogPosition,
  type LogPosition,
  type ReadRange,
} from "./log_position.ts";
import { StructJsonWriter } from "./struct_json.ts";

/** How the audit log is read. */
export interface LogStreamOptions {
  readonly auditLog: Pick<Client<typeof AuditLogService>, "getUnstructuredEvents">;
  readonly clock: Clock;
  /** Event types to ask for; all when empty. */
  readonly types: readonly string[];
  /** Events in a page; when absent, 20 and twice as many after each page that was not the last. */
  readonly pageSize?: number | undefined;
  /** Length of the pieces in which the past is read, in milliseconds. */
  readonly windowMs: number;
  /** Pause between two looks for news, in milliseconds. */
  readonly pollMs: number;
  /** How far back events may still appear among those that are read; in milliseconds. */
  readonly lookbackMs: number;
  /** End the stream once everything that the server has was read. */
  readonly endWhenCaughtUp: boolean;
}

/**
 * How far our clock may be from the server's. A window counts as past only when it ended longer ago
 * than this, and the last window reaches as far ahead, so that a wrong clock neither skips events nor
 * holds them back.
 */
const CLOCK_TOLERANCE_MS = 2 * 60 * 60 * 1000;
/** Past windows without an event after which the next event is looked for, however far away it is. */
const EMPTY_WINDOWS_BEFORE_LEAP = 2;
const SMALLEST_PAGE = 20;
const LARGEST_PAGE = 500;

/**
 * The audit log by pages (GetUnstructuredEvents). Past time is read in windows of `windowMs`; the last
 * window reaches beyond the present and is read again at each poll, from the second of the last event
 * on. A server's cursor is used within the reading of one window and nowhere else.
 */
export class LogStream implements EventStream {
  readonly id = "log";
  readonly #options: LogStreamOptions;
  readonly #writer = new StructJsonWriter();

  constructor(options: LogStreamOptions) {
    this.#options = options;
  }

  /** @throws {Fault} when the server cannot be asked or answers nonsense. */
  async *read(stored: Position, signal: AbortSignal): AsyncGenerator<Page> {
    const { clock, endWhenCaughtUp, lookbackMs, pollMs, windowMs } = this.#options;
    let position = decodeLogPosition(stored);
    let pageSize = this.#options.pageSize ?? SMALLEST_PAGE;
    let emptyWindows = 0;
    while (true) {
      const nowMs = clock.nowMs();
      if (emptyWindows >= EMPTY_WINDOWS_BEFORE_LEAP) {
        position = afterWindow(position, await this.#findNextTime(position.fromMs, signal));
        emptyWindows = 0;
      }
      const pastEndMs = position.fromMs + windowMs;
      const isPast = pastEndMs <= nowMs - CLOCK_TOLERANCE_MS;
      const endMs = isPast ? pastEndMs : Math.max(nowMs, position.fromMs) + CLOCK_TOLERANCE_MS;
      const startMs = position.fromMs;
      const isDone = createDoneCheck(position);
      let cursor = "";
      do {
        const answer = await this.#fetch({ startMs, endMs, cursor, pageSize }, signal);
        const isLast = answer.lastKey === "";
        const page = this.#toPage(answer, position, {
          isDone,
          range: isPast
            ? { limitMs: endMs, untilMs: endMs }
            : { limitMs: nowMs - lookbackMs, untilMs: nowMs },
          readUntilMs: isPast && isLast ? endMs : undefined,
          backlog: isPast || !isLast,
        });
        yield page;
        position = page.after;
        cursor = answer.lastKey;
        pageSize = this.#nextPageSize(pageSize, { isLast, isPast });
        emptyWindows = isPast && page.events.length === 0 ? emptyWindows + 1 : 0;
      } while (cursor !== "");
      if (isPast) continue;
      if (endWhenCaughtUp) return;
      await clock.sleep(pollMs, signal);
    }
  }

  /**
   * Time of the first event after `fromMs`, or of the present where there is none, so that years
   * before a cluster's first day take one call. Where the server cannot look that far, `fromMs`.
   */
  async #findNextTime(fromMs: number, signal: AbortSignal): Promise<number> {
    const presentMs = this.#options.clock.nowMs() - CLOCK_TOLERANCE_MS;
    try {
      const request = { startMs: fromMs, endMs: presentMs, cursor: "", pageSize: 1 };
      const { items: [first] } = await this.#fetch(request, signal);
      if (first?.time === undefined) return presentMs;
      return Math.min(Number(first.time.seconds) * 1000, presentMs);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return fromMs;
    }
  }

  async #fetch(
    request: { startMs: number; endMs: number; cursor: string; pageSize: number },
    signal: AbortSignal,
  ): Promise<EventsUnstructured> {
    signal.throwIfAborted();
    let answer: EventsUnstructured;
    try {
      answer = await this.#options.auditLog.getUnstructuredEvents({
        namespace: "default",
        startDate: timestampFromMs(request.startMs),
        endDate: timestampFromMs(request.endMs),
        eventTypes: [...this.#options.types],
        limit: request.pageSize,
        startKey: request.cursor,
        // Zero means ascending on the wire, whatever its name says (proto/teleport/auditlog/v1).
        order: Order.DESCENDING_UNSPECIFIED,
      }, { signal });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw toTeleportFault("read the audit log", error);
    }
    if (answer.lastKey !== "" && answer.lastKey === request.cursor) {
      throw new Fault(
        "protocol",
        "Cannot read the audit log: the server returned the same page twice",
      );
    }
    return answer;
  }

  #toPage(
    answer: EventsUnstructured,
    base: LogPosition,
    options: {
      isDone: (event: AuditEvent) => boolean;
      range: ReadRange;
      readUntilMs: number | undefined;
      backlog: boolean;
    },
  ): Page & { readonly after: LogPosition } {
    const { isDone, range, readUntilMs, backlog } = options;
    const events: AuditEvent[] = [];
    for (const item of answer.items) {
      const event = toAuditEvent(item, this.#writer);
      if (!isDone(event)) events.push(event);
    }
    const afterAll = afterEvents(base, events, range);
    const after = readUntilMs === undefined ? afterAll : afterWindow(afterAll, readUntilMs);
    return {
      events,
      after,
      backlog,
      get position() {
        return encodeLogPosition(after);
      },
      positionAfter: (index) =>
        encodeLogPosition(afterEvents(base, events.slice(0, index + 1), range)),
    };
  }

  #nextPageSize(pageSize: number, page: { isLast: boolean; isPast: boolean }): number {
    if (this.#options.pageSize !== undefined) return this.#options.pageSize;
    if (!page.isLast) return Math.min(pageSize * 2, LARGEST_PAGE);
    return page.isPast ? pageSize : SMALLEST_PAGE;
  }
}
