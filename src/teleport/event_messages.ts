import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import {
  EventsUnstructuredSchema,
  EventUnstructuredSchema,
  ExportEventUnstructuredSchema,
} from "./gen/teleport/auditlog/v1/auditlog_pb.ts";
import { releaseMemory } from "./release_memory.ts";

/** An event as it comes: what protobuf makes of `EventUnstructured`, and what is made here. */
export interface EventMessage {
  readonly type: string;
  readonly id: string;
  readonly time?: { readonly seconds: bigint | number; readonly nanos: number } | undefined;
  readonly index: bigint | number;
  /** A Struct on the wire. */
  readonly unstructured: Uint8Array;
}

/** A page of the audit log (`EventsUnstructured`). */
export interface EventPage {
  readonly items: readonly EventMessage[];
  /** Empty on the last page of the window. */
  readonly lastKey: string;
  /** Gives back the memory of the payloads, which must not be looked at any more. */
  readonly release?: () => void;
}

/** An event of a chunk (`ExportEventUnstructured`). */
export interface ExportedEvent {
  readonly event?: EventMessage | undefined;
  /** Resumes after this event. */
  readonly cursor: string;
}

/** Thrown for a message that protobuf has to read. */
const NOT_PLAIN = new Error("Not plain");
/** Of types there are some hundreds, and the same ones again and again: each is made once. */
const TEXTS: string[] = new Array(256).fill("");

const MAX_INT32 = 2 ** 31 - 1;
const UUID_LENGTH = 36;
/** Of a longer text a decoder makes a string at less cost. */
const MAX_BY_HAND = 128;
/** As protobuf reads strings. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How the messages that carry events are read. */
const READERS = new Map<DescMessage, (bytes: Uint8Array) => unknown>([
  [EventsUnstructuredSchema, (bytes): EventPage => new PlainReader(bytes).page()],
  [ExportEventUnstructuredSchema, (bytes): ExportedEvent => new PlainReader(bytes).exported()],
  [EventUnstructuredSchema, (bytes): EventMessage => new PlainReader(bytes).event(bytes.length)],
]);

/**
 * Decodes a message. Those that carry events are read in one pass as the official encoder writes them,
 * without protobuf's reflection, its big integers and a text decoder for each string: a fifth of the
 * cost. Whatever is not plain there, protobuf reads, and it alone says what is wrong with a message.
 *
 * @throws what protobuf throws for a message that is none.
 */
export function decodeMessage<O extends DescMessage>(
  schema: O,
  bytes: Uint8Array,
): MessageShape<O> {
  const read = READERS.get(schema);
  if (read === undefined) return fromBinary(schema, bytes);
  try {
    // The same values, but for the names of types and the kind of integers: see `EventMessage`.
    return read(bytes) as MessageShape<O>;
  } catch (error) {
    if (error !== NOT_PLAIN) throw error;
    return fromBinary(schema, bytes);
  }
}

/**
 * An event of a message, as it was read. Its parts that are objects are made when they are looked at: the
 * events of a page wait for each other, and the more objects wait, the more collecting them costs.
 */
class PlainEvent implements EventMessage {
  type = "";
  id = "";
  index = 0;
  seconds: number | undefined = undefined;
  nanos = 0;
  /** Where the Struct lies in the message. */
  from = 0;
  to = 0;
  readonly #message: Uint8Array;

  constructor(message: Uint8Array) {
    this.#message = message;
  }

  get time(): EventMessage["time"] {
    const { nanos, seconds } = this;
    return seconds === undefined ? undefined : { seconds, nanos };
  }

  get unstructured(): Uint8Array {
    return this.#message.subarray(this.from, this.to);
  }
}

/** Reads what is plain: known fields of the right kind, whole texts, integers that a number holds. */
class PlainReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  page(): EventPage {
    const items: EventMessage[] = [];
    let lastKey = "";
    while (this.#at < this.#bytes.length) {
      const tag = this.#bytes[this.#at++];
      const end = this.#lengthEnd(this.#bytes.length);
      if (tag === 0x0a) items.push(this.event(end));
      else if (tag === 0x12) lastKey = this.#text(end);
      else throw NOT_PLAIN;
    }
    return { items, lastKey, release: () => releaseMemory(this.#bytes) };
  }

  exported(): ExportedEvent {
    let event: EventMessage | undefined;
    let cursor = "";
    while (this.#at < this.#bytes.length) {
      const tag = this.#bytes[this.#at++];
      const end = this.#lengthEnd(this.#bytes.length);
      if (tag === 0x0a && event === undefined) event = this.event(end);
      else if (tag === 0x12) cursor = this.#text(end);
      else throw NOT_PLAIN;
    }
    return { event, cursor };
  }

  event(end: number): EventMessage {
    const event = new PlainEvent(this.#bytes);
    while (this.#at < end) {
      switch (this.#bytes[this.#at++]) {
        case 0x0a:
          event.type = this.#knownText(this.#lengthEnd(end));
          break;
        case 0x12:
          event.id = this.#text(this.#lengthEnd(end));
          break;
        case 0x1a:
          // A second one would be merged into the first.
          if (event.seconds !== undefined) throw NOT_PLAIN;
          this.#time(this.#lengthEnd(end), event);
          break;
        case 0x20:
          event.index = this.#integer(end);
          break;
        case 0x2a: {
          const to = this.#lengthEnd(end);
          event.from = this.#at;
          event.to = to;
          this.#at = to;
          break;
        }
        default:
          throw NOT_PLAIN;
      }
    }
    return event;
  }

  #time(end: number, event: PlainEvent): void {
    let seconds = 0;
    let nanos = 0;
    while (this.#at < end) {
      const tag = this.#bytes[this.#at++];
      if (tag === 0x08) seconds = this.#integer(end);
      else if (tag === 0x10) nanos = this.#integer(end);
      else throw NOT_PLAIN;
    }
    if (nanos > MAX_INT32) throw NOT_PLAIN;
    event.seconds = seconds;
    event.nanos = nanos;
  }

  /** Reads an integer of up to five bytes: 35 bits, which are enough for a time in seconds. */
  #integer(end: number): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 35; factor *= 128) {
      if (this.#at >= end) throw NOT_PLAIN;
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw NOT_PLAIN;
  }

  /** Reads a length and returns where what it measures ends. */
  #lengthEnd(end: number): number {
    const length = this.#integer(end);
    if (length > end - this.#at) throw NOT_PLAIN;
    return this.#at + length;
  }

  /** A text of which there are few. */
  #knownText(end: number): string {
    const bytes = this.#bytes;
    const from = this.#at;
    let hash = end - from;
    for (let at = from; at < end; at++) hash = hash * 31 + bytes[at]! | 0;
    const known = TEXTS[hash & 255]!;
    if (known.length === end - from && isSame(known, bytes, from)) {
      this.#at = end;
      return known;
    }
    return TEXTS[hash & 255] = this.#text(end);
  }

  #text(end: number): string {
    const bytes = this.#bytes;
    let at = this.#at;
    let all = 0;
    for (let i = at; i < end; i++) all |= bytes[i]!;
    this.#at = end;
    if (all >= 0x80 || end - at > MAX_BY_HAND) return decodeText(bytes.subarray(at, end));
    let text = "";
    for (; end - at >= UUID_LENGTH; at += UUID_LENGTH) text += textOf36(bytes, at);
    for (; end - at >= 6; at += 6) text += textOf6(bytes, at);
    for (; at < end; at++) text += String.fromCharCode(bytes[at]!);
    return text;
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw NOT_PLAIN;
  }
}

function isSame(text: string, bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[from + i]) return false;
  }
  return true;
}

/** As one call with so many arguments it takes a tenth of the time of any other way. */
// deno-fmt-ignore
function textOf36(b: Uint8Array, i: number): string {
  return String.fromCharCode(
    b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!, b[i + 6]!, b[i + 7]!, b[i + 8]!,
    b[i + 9]!, b[i + 10]!, b[i + 11]!, b[i + 12]!, b[i + 13]!, b[i + 14]!, b[i + 15]!, b[i + 16]!, b[i + 17]!,
    b[i + 18]!, b[i + 19]!, b[i + 20]!, b[i + 21]!, b[i + 22]!, b[i + 23]!, b[i + 24]!, b[i + 25]!, b[i + 26]!,
    b[i + 27]!, b[i + 28]!, b[i + 29]!, b[i + 30]!, b[i + 31]!, b[i + 32]!, b[i + 33]!, b[i + 34]!, b[i + 35]!,
  );
}

function textOf6(b: Uint8Array, i: number): string {
  return String.fromCharCode(b[i]!, b[i + 1]!, b[i + 2]!, b[i + 3]!, b[i + 4]!, b[i + 5]!);
}
