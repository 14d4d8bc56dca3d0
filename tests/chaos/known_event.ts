/** What exists, as the judge sees it. */

/** An event of the audit log. */
export interface KnownEvent {
  /** The payload, in a form in which equal payloads are equal texts. */
  readonly key: string;
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  /** The stream that brings it: `log`, or its chunk. */
  readonly stream: string;
  /** Place in its stream: within one stream, a lower one comes first. */
  readonly place: number;
  /** Length of the payload as JSON. */
  readonly bytes: number;
  /** It entered the log after younger ones. */
  readonly isLate: boolean;
  /** The payload byte for byte, where the server can tell. */
  readonly text?: string;
}

/** A session recording. */
export interface KnownSession {
  readonly sid: string;
  /** Its events in their order, as `KnownEvent.key`; none where it is not there. */
  readonly keys: readonly string[];
  /** It is not there, as yet or for good. */
  readonly isMissing: boolean;
}

/** Objects are looked at again and again while a run lasts. */
const texts = new WeakMap<object, string>();

/** The same text for objects that are equal but for the order of their keys. */
export function canonicalJson(value: object): string {
  let text = texts.get(value);
  if (text === undefined) texts.set(value, text = writeCanonical(value));
  return text;
}

function writeCanonical(value: object): string {
  return JSON.stringify(
    value,
    (_key, v) =>
      v !== null && typeof v === "object" && !Array.isArray(v)
        ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => a < b ? -1 : 1))
        : v,
  );
}

/** Marks the events that entered the log after younger ones; they come in the order of their entering. */
export function markLate(events: readonly Omit<KnownEvent, "isLate">[]): KnownEvent[] {
  let newestMs = -Infinity;
  return events.map((event) => {
    const isLate = event.timeMs < newestMs;
    newestMs = Math.max(newestMs, event.timeMs);
    return { ...event, isLate };
  });
}
