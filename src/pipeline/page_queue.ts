import { type AuditEvent, jsonLength } from "../core/event.ts";
import type { EventFilter } from "../core/event_filter.ts";
import type { Position } from "../core/position.ts";
import type { ByteBudget } from "./byte_budget.ts";
import type { BatchLimits, Page } from "./ports.ts";

/** Events for one request, and where to resume after them. */
export interface Batch {
  /** Empty when only the position moved. */
  readonly events: readonly AuditEvent[];
  readonly position: Position;
  /** More is known to follow at once. */
  readonly backlog: boolean;
  /** Events before `position` that the filter did not want. */
  readonly filteredCount: number;
  /** The pages that they come from, in order. */
  readonly pages: readonly Page[];
  /** Where to resume after the first `count` of the events; undefined for none. */
  positionAfter(count: number): Position | undefined;
  /**
   * Gives its memory back: it is delivered or in quarantine, and nobody looks at its events any more.
   * Batches are released in their order.
   */
  release(): void;
}

interface QueuedPage {
  readonly page: Page;
  /** Indices of the events that the filter wants. */
  readonly wanted: readonly number[];
  /** How many of them were taken. */
  taken: number;
  /** What the page holds in memory until its last event is taken. */
  readonly bytes: number;
}

/**
 * Pages between the reader and the sender of one stream: pages go in, batches come out, in order.
 * What waits is bounded: `push` resolves when the bytes waiting are fewer than `maxBytes` and, unless
 * nothing waits here, the budget of all streams has room.
 */
export class PageQueue implements Disposable {
  readonly #filter: EventFilter;
  readonly #maxBytes: number;
  readonly #budget: ByteBudget | undefined;
  #pages: QueuedPage[] = [];
  #bytes = 0;
  /** Of pages that were taken whole by batches on their way to the receiver. */
  #takenBytes = 0;
  #events = 0;
  #end: { readonly error?: unknown } | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeSender: (() => void) | undefined;
  #full: { readonly limits: BatchLimits; readonly tell: () => void } | undefined;

  constructor(
    options: {
      readonly filter: EventFilter;
      readonly maxBytes: number;
      readonly budget?: ByteBudget | undefined;
    },
  ) {
    this.#filter = options.filter;
    this.#maxBytes = options.maxBytes;
    this.#budget = options.budget;
  }

  /** Wanted events that wait, and the bytes of the pages that hold them. */
  get waiting(): { readonly events: number; readonly bytes: number } {
    return { events: this.#events, bytes: this.#bytes };
  }

  /** Adds a page; resolves when the next one is welcome. */
  async push(page: Page): Promise<void> {
    const wanted: number[] = [];
    let bytes = 1000;
    // Without an iterator, which costs a pair of objects for each event.
    for (let index = 0; index < page.events.length; index++) {
      const event = page.events[index]!;
      bytes += sizeOf(event);
      if (this.#filter(event)) wanted.push(index);
    }
    this.#pages.push({ page, wanted, taken: 0, bytes });
    this.#bytes += bytes;
    this.#budget?.take(bytes);
    this.#events += wanted.length;
    this.#wakeSender?.();
    this.#tellWhenFull();
    while (!this.#wantsMore && this.#end === undefined) {
      const room = Promise.withResolvers<void>();
      this.#wakeReader = room.resolve;
      const forget = this.#budget?.onRoom(room.resolve);
      await room.promise;
      forget?.();
    }
  }

  /** Says that no more pages come: the stream ended, or `error` stopped it. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wakeSender?.();
    this.#wakeReader?.();
    this.#tellWhenFull();
  }

  /** Whether no more pages will come and none waits. */
  get isDrained(): boolean {
    return this.#end !== undefined && this.#pages.length === 0;
  }

  /** Whether all that the stream has was taken. */
  get isAtEnd(): boolean {
    return this.isDrained && !("error" in this.#end!);
  }

  /**
   * Waits for pages and takes the next batch; undefined when the stream has ended.
   *
   * @throws what the stream was stopped by, once everything before it was taken.
   */
  async take(limits: BatchLimits): Promise<Batch | undefined> {
    while (true) {
      const batch = this.takeNow(limits);
      if (batch !== undefined) return batch;
      if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return undefined;
      }
      await new Promise<void>((resolve) => this.#wakeSender = resolve);
    }
  }

  /**
   * Calls `tell` once, as soon as so much waits that the next batch would not grow by more of it; with
   * undefined, nobody is told any more.
   */
  onFull(limits: BatchLimits, tell: (() => void) | undefined): void {
    this.#full = tell && { limits, tell };
    this.#tellWhenFull();
  }

  #tellWhenFull(): void {
    if (this.#full === undefined || this.#pages.length === 0) return;
    const { limits, tell } = this.#full;
    const isFull = this.#events >= limits.maxEvents || this.#bytes >= limits.maxBytes;
    if (!isFull && this.#end === undefined) return;
    this.#full = undefined;
    tell();
  }

  /** Gives back what the budget still counts for it. */
  [Symbol.dispose](): void {
    this.#budget?.giveBack(this.#bytes + this.#takenBytes);
    this.#bytes = 0;
    this.#takenBytes = 0;
  }

  get #wantsMore(): boolean {
    if (this.#pages.length === 0) return true;
    return this.#bytes < this.#maxBytes && (this.#budget?.hasRoom ?? true);
  }

  /** Takes the next batch if a page waits. */
  takeNow(limits: BatchLimits): Batch | undefined {
    const events: AuditEvent[] = [];
    let bytes = 0;
    let takenBytes = 0;
    let filteredCount = 0;
    let backlog = true;
    let position: Position | undefined;
    const parts: { readonly page: Page; readonly wanted: readonly number[] }[] = [];
    /** How many of the parts end their page. */
    let wholeCount = 0;
    while (position === undefined || events.length < limits.maxEvents) {
      const queued = this.#pages[0];
      if (queued === undefined) break;
      const { page, wanted } = queued;
      const takenBefore = queued.taken;
      while (queued.taken < wanted.length && events.length < limits.maxEvents) {
        const event = page.events[wanted[queued.taken]!]!;
        if (events.length > 0 && bytes + sizeOf(event) > limits.maxBytes) break;
        events.push(event);
        bytes += sizeOf(event);
        queued.taken++;
      }
      parts.push({ page, wanted: wanted.slice(takenBefore, queued.taken) });
      if (queued.taken < wanted.length) {
        if (queued.taken > takenBefore) position = page.positionAfter(wanted[queued.taken - 1]!);
        break;
      }
      position = page.position;
      backlog = page.backlog;
      filteredCount += page.events.length - wanted.length;
      this.#bytes -= queued.bytes;
      takenBytes += queued.bytes;
      wholeCount++;
      this.#pages.shift();
    }
    if (position === undefined) return undefined;
    this.#events -= events.length;
    this.#takenBytes += takenBytes;
    if (this.#wantsMore) this.#wakeReader?.();
    return {
      events,
      position,
      backlog: backlog || this.#pages.length > 0,
      filteredCount,
      pages: parts.map(({ page }) => page),
      positionAfter: (count) => positionAfter(parts, count),
      release: () => {
        this.#budget?.giveBack(takenBytes);
        this.#takenBytes -= takenBytes;
        takenBytes = 0;
        for (const { page } of parts.slice(0, wholeCount)) page.release?.();
        wholeCount = 0;
      },
    };
  }
}

function positionAfter(
  parts: readonly { readonly page: Page; readonly wanted: readonly number[] }[],
  count: number,
): Position | undefined {
  let left = count;
  for (const { page, wanted } of parts) {
    if (left > 0 && left <= wanted.length) return page.positionAfter(wanted[left - 1]!);
    left -= wanted.length;
  }
  return undefined;
}

/** What an event counts for: its payload and about what the objects around it take. */
function sizeOf(event: AuditEvent): number {
  return jsonLength(event) + (event.defect?.raw.length ?? 0) + 200;
}
