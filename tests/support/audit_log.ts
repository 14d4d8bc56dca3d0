/**
 * The audit log of the fake auth server: keeps events in order of time and reads them by pages, by
 * the rules of the real one and nowhere more leniently. It knows nothing of gRPC.
 */
import { fromJson, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import type { FakeEvent } from "./events.ts";

/** What a client asks for. */
export interface PageQuery {
  readonly startMs: number;
  readonly endMs: number;
  /** Empty for all. */
  readonly eventTypes: readonly string[];
  /** 0 for the default of 500. */
  readonly limit: number;
  readonly startKey: string;
  /** 0 ascending, 1 descending, as on the wire. */
  readonly order: number;
}

/** One page, and the key that asks for the next: empty on the last one. */
export interface LogPage {
  readonly items: readonly { readonly event: FakeEvent; readonly body: Uint8Array }[];
  readonly lastKey: string;
}

/** What a start key of another window, filter or order is answered with; `taken` as a place in the log. */
export type StaleCursor = "empty" | "error" | "taken";

/** How an audit log reads. */
export interface AuditLogOptions {
  /** `empty` is the known defect of real servers (teleport#58365). @default {"error"} */
  readonly staleCursor?: StaleCursor;
  /** A page ends at this many bytes of payload. @default {1 MiB} */
  readonly maxPageBytes?: number;
  /** Events that this server cannot put into an answer. @default {none} */
  readonly isTooLarge?: (event: FakeEvent) => boolean;
  /** What it does when such an event is the next one. @default {"end"} */
  readonly atTooLarge?: AtTooLarge;
}

/**
 * The known defects of real servers at an event of more than 1 MiB: an empty page without a key for
 * more, as at the end (teleport#35161), or with the key that it was given (teleport#61645), or with one
 * for the beginning of the window (teleport#44246).
 */
export type AtTooLarge = "end" | "same key" | "first key";

/** The query makes no sense; a server answers it with InvalidArgument. */
export class InvalidQueryError extends Error {
  override readonly name = "InvalidQueryError";
}

/** What a start key holds: the query it belongs to and the place of the last event given. */
interface StartKey {
  readonly query: string;
  readonly timeMs: number;
  readonly sequence: number;
}

/** An event and when it was added, which orders events of the same moment. */
interface Entry {
  readonly event: FakeEvent;
  readonly sequence: number;
}

const DEFAULT_LIMIT = 500;
const MAX_LIMIT = 10_000;

/** Makes keys awkward to carry: they survive only where they are never touched. */
const AWKWARD = ' ü"\\/+%20=&\n\t{}🗝 ';

/** Events in order of time, and of addition where times are equal. */
export class AuditLog {
  readonly #staleCursor: StaleCursor;
  readonly #maxPageBytes: number;
  readonly #isTooLarge: (event: FakeEvent) => boolean;
  readonly #atTooLarge: AtTooLarge;
  readonly #bodies = new WeakMap<FakeEvent, Uint8Array>();
  #entries: Entry[] = [];

  constructor(options: AuditLogOptions = {}) {
    this.#staleCursor = options.staleCursor ?? "error";
    this.#maxPageBytes = options.maxPageBytes ?? 1024 * 1024;
    this.#isTooLarge = options.isTooLarge ?? (() => false);
    this.#atTooLarge = options.atTooLarge ?? "end";
  }

  /** All events in the order in which an ascending reader gets them. */
  get events(): FakeEvent[] {
    return this.#entries.map((entry) => entry.event);
  }

  /** Adds events; they may lie in the past. */
  append(events: readonly FakeEvent[]): void {
    const first = this.#entries.length;
    const added = events.map((event, i) => ({ event, sequence: first + i }));
    this.#entries = [...this.#entries, ...added].sort(compareEntries);
  }

  /**
   * Reads a page. Both ends of the window are inside it.
   *
   * @throws {InvalidQueryError} When the query makes no sense.
   */
  readPage(query: PageQuery): LogPage {
    const { startMs, endMs } = query;
    if (!(startMs <= endMs)) {
      throw new InvalidQueryError("start_date and end_date are required and must be in order");
    }
    if (query.limit < 0) throw new InvalidQueryError(`limit ${query.limit} is negative`);
    if (query.limit > MAX_LIMIT) {
      throw new InvalidQueryError(`limit ${query.limit} exceeds ${MAX_LIMIT}`);
    }
    if (query.order !== 0 && query.order !== 1) {
      throw new InvalidQueryError(`order ${query.order} is unknown`);
    }
    const fingerprint = JSON.stringify([startMs, endMs, [...query.eventTypes], query.order]);
    const key = query.startKey === "" ? undefined : decodeStartKey(query.startKey);
    if (key !== undefined && key.query !== fingerprint && this.#staleCursor !== "taken") {
      if (this.#staleCursor === "empty") return { items: [], lastKey: "" };
      throw new InvalidQueryError("start_key belongs to another window, filter or order");
    }
    const entries = this.#select(query, key);
    if (entries.length > 0 && this.#isTooLarge(entries[0]!.event)) {
      return { items: [], lastKey: this.#keyAtTooLarge(query, fingerprint) };
    }
    return this.#collect(entries, query.limit || DEFAULT_LIMIT, fingerprint);
  }

  #keyAtTooLarge({ order, startKey }: PageQuery, query: string): string {
    const first = encodeStartKey({ query, timeMs: order === 1 ? 8e15 : -8e15, sequence: 0 });
    if (this.#atTooLarge === "first key") return first;
    return this.#atTooLarge === "end" ? "" : startKey || first;
  }

  #select(query: PageQuery, key: StartKey | undefined): Entry[] {
    const { startMs, endMs, eventTypes, order } = query;
    const wanted = this.#entries.filter(({ event }) =>
      event.timeMs >= startMs && event.timeMs <= endMs &&
      (eventTypes.length === 0 || eventTypes.includes(event.type))
    );
    if (order === 1) wanted.reverse();
    if (key === undefined) return wanted;
    const direction = order === 1 ? -1 : 1;
    const last = { event: { timeMs: key.timeMs }, sequence: key.sequence };
    return wanted.filter((entry) => compareEntries(entry, last) * direction > 0);
  }

  #collect(entries: readonly Entry[], limit: number, query: string): LogPage {
    const items: { event: FakeEvent; body: Uint8Array }[] = [];
    let bytes = 0;
    for (const { event } of entries.slice(0, limit)) {
      const body = this.#encodeBody(event);
      if (items.length > 0 && bytes + body.length > this.#maxPageBytes) break;
      if (this.#isTooLarge(event)) break;
      items.push({ event, body });
      bytes += body.length;
    }
    const last = entries[items.length - 1];
    if (last === undefined || items.length === entries.length) return { items, lastKey: "" };
    return {
      items,
      lastKey: encodeStartKey({ query, timeMs: last.event.timeMs, sequence: last.sequence }),
    };
  }

  #encodeBody(event: FakeEvent): Uint8Array {
    let body = this.#bodies.get(event);
    if (body === undefined) {
      body = event.payload ??
        toBinary(StructSchema, fromJson(StructSchema, structuredClone(event.fields) as never));
      this.#bodies.set(event, body);
    }
    return body;
  }
}

function compareEntries(
  a: { readonly event: { readonly timeMs: number }; readonly sequence: number },
  b: { readonly event: { readonly timeMs: number }; readonly sequence: number },
): number {
  return a.event.timeMs - b.event.timeMs || a.sequence - b.sequence;
}

function encodeStartKey(key: StartKey): string {
  return AWKWARD + JSON.stringify(key) + AWKWARD;
}

function decodeStartKey(text: string): StartKey {
  if (text.startsWith(AWKWARD) && text.endsWith(AWKWARD)) {
    try {
      return JSON.parse(text.slice(AWKWARD.length, -AWKWARD.length));
    } catch {
      // Falls through: nobody but this file may make keys.
    }
  }
  throw new InvalidQueryError("start_key is not one that this server gave");
}
