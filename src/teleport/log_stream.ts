import type { Clock } from "../core/clock.ts";
import type { AuditEvent } from "../core/event.ts";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { EventStream, Page } from "../pipeline/ports.ts";
import { toAuditEvents } from "./audit_event.ts";
import { CircleCheck } from "./circle_check.ts";
import type { EventPage } from "./event_messages.ts";
import {
  afterEvents,
  afterWindow,
  createDoneCheck,
  decodeLogPosition,
  encodeLogPosition,
  isRepeated,
  type LogPosition,
  type ReadRange,
} from "./log_position.ts";
import { type LogQuery, type PagedAuditLog, queryLog } from "./log_query.ts";
import { LogStall, type LogStallOptions } from "./log_stall.ts";
import { PageMemory } from "./page_memory.ts";
import { PageSize } from "./page_size.ts";
import { PagesAhead } from "./pages_ahead.ts";
import { ServerPresent } from "./server_present.ts";

/** How the audit log is read. */
export interface LogStreamOptions extends LogStallOptions {
  readonly auditLog: PagedAuditLog;
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

/** A span of time that is read in one go. */
interface Window {
  readonly startMs: number;
  readonly endMs: number;
  /** Nothing will be added to it, so that the position may pass its end. */
  readonly isPast: boolean;
  /** It is made small to read around something that the server does not give. */
  readonly isAround: boolean;
  readonly range: ReadRange;
}

/** What the reading of a window came to. */
interface WindowRead {
  readonly position: LogPosition;
  /** Events that are new. */
  readonly count: number;
  /** The server gave no event at all. */
  readonly isEmpty: boolean;
  readonly isCircle: boolean;
}

/** A page, and the position after it as it is before it is encoded. */
type LogPage = Page & { readonly after: LogPosition };

/**
 * How far our clock may be from the server's. A window counts as past only when it ended longer ago
 * than this, and the last window reaches as far ahead, so that a wrong clock neither skips events nor
 * holds them back.
 */
const CLOCK_TOLERANCE_MS = 2 * 60 * 60 * 1000;
/** Positions are seconds, so that no window can be smaller. */
const SMALLEST_WINDOW_MS = 1000;
/** Newer ones than this, and than `lookback`, show the server's present well enough. */
const FRESH_MS = 60_000;
/** Events of one second that are held to turn their order round. */
const MAX_TURNED = 20_000;

/**
 * The audit log by pages (GetUnstructuredEvents). Past time is read in windows of `windowMs`; the last
 * window reaches beyond the present and is read again at each poll, from the second of the last event
 * on. A server's cursor is used within the reading of one window and nowhere else.
 *
 * That a window has no more events is not taken on trust. The newest event of a past window, and from
 * time to time that of the last one, is asked for: when it is not among those that were read, the
 * window is read again, and at last in smaller and smaller pieces, down to single seconds, which are
 * read from both ends.
 */
export class LogStream implements EventStream {
  readonly id = "log";
  readonly #options: LogStreamOptions;
  readonly #memory = new PageMemory();
  readonly #stall: LogStall;
  readonly #pageSize: PageSize;
  /** When the newest event is looked at next, on the monotonic clock. */
  #lookMs = 0;
  /**
   * Time of the last event that was given. What looks empty from there on cannot be, so that an answer
   * without events says that one cannot be given.
   */
  #lastGivenMs: number | undefined;
  readonly #present: ServerPresent;

  constructor(options: LogStreamOptions) {
    this.#options = options;
    this.#stall = new LogStall(options);
    this.#present = new ServerPresent(options.clock);
    this.#pageSize = new PageSize(options.pageSize);
  }

  /** @throws {Fault} when the server cannot be asked or answers nonsense. */
  async *read(stored: Position, signal: AbortSignal): AsyncGenerator<Page> {
    const { clock, endWhenCaughtUp, pollMs, windowMs } = this.#options;
    const stall = this.#stall;
    let position = decodeLogPosition(stored);
    let spanMs = windowMs;
    while (true) {
      const window = this.#openWindow(position, spanMs);
      const read = yield* this.#readWindow(position, window, signal);
      position = read.position;
      if (this.#isLookDue(window, read)) {
        const look = await this.#look(position, window, read, signal);
        if (look.unreadMs !== undefined) {
          if (stall.noteUnread(position.fromMs, look.unreadMs) === "wait") {
            await clock.sleep(pollMs, signal);
          } else if (!window.isAround || window.endMs - window.startMs > SMALLEST_WINDOW_MS) {
            spanMs = halve(Math.min(window.endMs, look.unreadMs) - window.startMs);
          } else {
            const page = await this.#readFromItsEnd(position, window, signal);
            yield page;
            position = page.after;
            stall.noteEvents(page.events);
            stall.noteReached(position.fromMs, window.isPast);
          }
          continue;
        }
        if (window.isPast) position = afterWindow(position, look.reachedMs);
        stall.noteReached(position.fromMs, window.isPast);
        // A server may go round in circles where there is no more: that is the end as well.
        const isEnd = read.isCircle && !window.isPast;
        if (isEnd) yield this.#toPage([], position, window, { backlog: false });
      }
      if (window.isPast) {
        yield this.#toPage([], position, window);
        spanMs = stall.isDoubted ? grow(spanMs, windowMs) : windowMs;
        continue;
      }
      if (endWhenCaughtUp) return;
      await clock.sleep(pollMs, signal);
    }
  }

  #openWindow({ fromMs }: LogPosition, spanMs: number): Window {
    const { clock, lookbackMs } = this.#options;
    const nowMs = clock.nowMs();
    const { aroundUntilMs } = this.#stall;
    const isAround = aroundUntilMs !== undefined && fromMs <= aroundUntilMs;
    const endMs = isAround ? Math.min(fromMs + spanMs, nextSecond(aroundUntilMs)) : fromMs + spanMs;
    if (isAround || endMs <= nowMs - CLOCK_TOLERANCE_MS) {
      const range = { limitMs: endMs, untilMs: endMs };
      return { startMs: fromMs, endMs, isPast: true, isAround, range };
    }
    return {
      startMs: fromMs,
      endMs: Math.max(nowMs, fromMs) + CLOCK_TOLERANCE_MS,
      isPast: false,
      isAround,
      range: { limitMs: nowMs - lookbackMs, untilMs: nowMs },
    };
  }

  async *#readWindow(
    start: LogPosition,
    window: Window,
    signal: AbortSignal,
  ): AsyncGenerator<Page, WindowRead> {
    const isDone = createDoneCheck(start);
    const isMetAgain = createDoneCheck(start);
    const circle = new CircleCheck();
    let position = start;
    let cursor = "";
    let count = 0;
    let isEmpty = true;
    let isCircle = false;
    const ask = this.#askForPage.bind(this, window);
    using pages = new PagesAhead({ ask, clock: this.#options.clock, signal });
    do {
      const { page: answer, ...asked } = await pages.take(cursor);
      const given = toAuditEvents(answer, this.#memory.writer);
      this.#noteTimes(given);
      const isFirst = cursor === "";
      const events = !isFirst && isRepeated(given, position)
        ? []
        : given.filter((event) => !isDone(event));
      cursor = answer.lastKey;
      if (isFirst && cursor !== "") await this.#findPresent(window, signal);
      const backlog = window.isPast || cursor !== "";
      const page = this.#toPage(events, position, window, { backlog, ...asked });
      yield page;
      position = page.after;
      count += events.length;
      isEmpty &&= given.length === 0;
      // What was done before is met again once, and that is no circle, however many pages it fills.
      const metCount = given.filter(isMetAgain).length;
      isCircle = circle.isCircle(cursor, metCount > 0 || events.length > 0);
      this.#stall.noteEvents(events);
    } while (cursor !== "" && !isCircle);
    return { position, count, isEmpty, isCircle };
  }

  async #askForPage(
    { endMs, isPast, startMs }: Window,
    cursor: string,
    signal: AbortSignal,
  ): Promise<EventPage> {
    const query = { startMs, endMs, cursor, limit: this.#pageSize.events } as const;
    const page = await this.#query({ ...query, order: "oldest-first" }, signal);
    this.#pageSize.note({ isLast: page.lastKey === "", isPast });
    return page;
  }

  /** Whether to look at the newest event: after each past window, and now and then while none comes. */
  #isLookDue({ isPast }: Window, { count, isCircle }: WindowRead): boolean {
    const { clock, endWhenCaughtUp, stallMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const isDue = isPast || isCircle || endWhenCaughtUp || count === 0 && nowMs >= this.#lookMs;
    if (isDue || count > 0) this.#lookMs = nowMs + stallMs / 5;
    return isDue;
  }

  /**
   * Looks whether everything was read: either up to where, or the time of an event that was not. An
   * empty past window is followed by whatever comes next, so that years before a cluster's first day
   * take a call or two.
   */
  async #look(
    position: LogPosition,
    window: Window,
    { isCircle, isEmpty }: WindowRead,
    signal: AbortSignal,
  ): Promise<{ unreadMs?: number; reachedMs: number }> {
    const { startMs, endMs, isPast } = window;
    const { aroundUntilMs, isInGap } = this.#stall;
    try {
      if (!isEmpty || !isPast || isInGap) {
        const span = { startMs, endMs, isEmpty };
        const unreadMs = await this.#findUnread(position, span, signal);
        return { reachedMs: endMs, ...(unreadMs === undefined ? {} : { unreadMs }) };
      }
      const limitMs = aroundUntilMs === undefined
        ? this.#options.clock.nowMs() - CLOCK_TOLERANCE_MS
        : nextSecond(aroundUntilMs);
      const next = await this.#findEvent(startMs, limitMs, "oldest-first", signal);
      if (next !== undefined) return { reachedMs: Math.min(next.timeMs, limitMs) };
      const span = { startMs, endMs: limitMs, isEmpty };
      const unreadMs = await this.#findUnread(position, span, signal);
      return { reachedMs: limitMs, ...(unreadMs === undefined ? {} : { unreadMs }) };
    } catch (error) {
      // A server that cannot look so far is believed, unless it has proved not to be sound.
      if (!(error instanceof Fault) || isCircle) throw error;
      return { reachedMs: endMs };
    }
  }

  /** Time of the newest event of a span when the position says that it was not read. */
  async #findUnread(
    { fromMs, done }: LogPosition,
    { startMs, endMs, isEmpty }: { startMs: number; endMs: number; isEmpty: boolean },
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const lastMs = isEmpty ? this.#lastGivenMs : undefined;
    const newest = await this.#findEvent(lastMs ?? startMs, endMs, "newest-first", signal);
    // That there is none, where one was read, says that the newest one cannot be given.
    if (newest === undefined) {
      if (isEmpty && lastMs === undefined) return undefined;
      return Math.min(endMs, this.#options.clock.nowMs());
    }
    if (newest.timeMs < fromMs || done.some(({ id }) => id === newest.id)) return undefined;
    return newest.timeMs;
  }

  async #findEvent(
    startMs: number,
    endMs: number,
    order: LogQuery["order"],
    signal: AbortSignal,
  ): Promise<AuditEvent | undefined> {
    const answer = await this.#query({ startMs, endMs, order, cursor: "", limit: 1 }, signal);
    return toAuditEvents(answer, this.#memory.writer)[0];
  }

  /**
   * Reads a second from its end: what the server gives in this direction and did not give in the
   * other, in order. The position after it is the end of the window.
   */
  async #readFromItsEnd(
    position: LogPosition,
    window: Window,
    signal: AbortSignal,
  ): Promise<LogPage> {
    const isDone = createDoneCheck(position);
    const circle = new CircleCheck();
    const { startMs, endMs } = window;
    const events = new Map<string, AuditEvent>();
    // What came before lies on the other side of what is passed over now.
    this.#lastGivenMs = undefined;
    const askedAtMs = this.#options.clock.nowMs();
    let cursor = "";
    do {
      const query = { startMs, endMs, cursor, limit: this.#pageSize.events } as const;
      const answer = await this.#query({ ...query, order: "newest-first" }, signal);
      const given = toAuditEvents(answer, this.#memory.writer);
      const countBefore = events.size;
      const fresh = given.filter((event) => !isDone(event));
      for (const event of fresh) events.set(event.id, event);
      const isFurther = fresh.length < given.length || events.size > countBefore;
      this.#lastGivenMs ??= given[0]?.timeMs;
      cursor = circle.isCircle(answer.lastKey, isFurther) ? "" : answer.lastKey;
    } while (cursor !== "" && events.size < MAX_TURNED);
    const times = { askedAtMs, cameAtMs: this.#options.clock.nowMs() };
    const page = this.#toPage([...events.values()].reverse(), position, window, times);
    const after = afterWindow(page.after, endMs);
    return { ...page, after, position: encodeLogPosition(after) };
  }

  async #query(query: LogQuery, signal: AbortSignal): Promise<EventPage> {
    const { auditLog, types } = this.#options;
    return await queryLog(auditLog, { ...query, types }, { purpose: "read the audit log", signal });
  }

  #toPage(
    events: readonly AuditEvent[],
    base: LogPosition,
    window: Window,
    about: Pick<Page, "askedAtMs" | "cameAtMs"> & { readonly backlog?: boolean } = {},
  ): LogPage {
    const range = this.#limitRange(window);
    const after = afterEvents(base, events, range);
    return {
      backlog: true,
      ...about,
      events,
      after,
      get position() {
        return encodeLogPosition(after);
      },
      positionAfter: (index) =>
        encodeLogPosition(afterEvents(base, events.slice(0, index + 1), range)),
      release: this.#memory.endPage(),
    };
  }

  #noteTimes(events: readonly AuditEvent[]): void {
    this.#lastGivenMs = events.at(-1)?.timeMs ?? this.#lastGivenMs;
    this.#present.note(events);
  }

  /**
   * Asks for the newest event where those that come are old: the server's present is not to be seen by
   * a backlog, and each position would hold all of its events that lie within `lookback`.
   */
  async #findPresent({ startMs, endMs, isPast }: Window, signal: AbortSignal): Promise<void> {
    const { clock, lookbackMs } = this.#options;
    if (isPast || clock.nowMs() - this.#present.ms < lookbackMs + FRESH_MS) return;
    try {
      const newest = await this.#findEvent(startMs, endMs, "newest-first", signal);
      if (newest !== undefined) this.#present.note([newest]);
    } catch (error) {
      // Positions are larger without, and no less true.
      if (!(error instanceof Fault)) throw error;
    }
  }

  /**
   * What may still come late is counted from the present as the server's events show it, where our
   * clock is ahead of them: it would pass events that are still to come.
   */
  #limitRange({ isPast, range }: Window): ReadRange {
    const { ms } = this.#present;
    if (isPast || ms === -Infinity) return range;
    return { ...range, limitMs: Math.min(range.limitMs, ms - this.#options.lookbackMs) };
  }
}

/** Half of a span of time, in whole seconds. */
function halve(spanMs: number): number {
  return Math.max(SMALLEST_WINDOW_MS, Math.floor(spanMs / 2000) * 1000);
}

/** A little more, in whole seconds: what lies between two events that are not given is easily missed. */
function grow(spanMs: number, maxMs: number): number {
  return Math.min(maxMs, nextSecond(spanMs * 1.25));
}

/** Next whole second after a time. */
function nextSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000 + 1000;
}
