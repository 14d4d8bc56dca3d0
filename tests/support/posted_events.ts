/**
 * Reads what is posted to the fake receiver, as strictly as any receiver that the handler may meet:
 * a strict Fluentd for times, a strict JSON reader for texts, and one line for each body.
 */

/** An event as it was received. */
export type ReceivedFields = { readonly [key: string]: unknown };

/** A body that cannot be taken. */
export class RefusedBodyError extends Error {
  override readonly name = "RefusedBodyError";
  /** Whether no sender may ever send such a thing; otherwise the event itself is at fault. */
  readonly violation: boolean;

  constructor(message: string, violation: boolean) {
    super(message);
    this.violation = violation;
  }
}

/** An RFC 3339 time, as Fluentd reads it with `time_format %iso8601`. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})$/;

/**
 * Reads a body: one JSON object, or an array of objects.
 *
 * @throws {RefusedBodyError} When it is anything else.
 */
export function parsePostedEvents(body: Uint8Array): ReceivedFields[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new RefusedBodyError("body is not UTF-8", true);
  }
  if (/[\r\n]/.test(text)) throw new RefusedBodyError("body has more than one line", true);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RefusedBodyError(`body is not JSON: ${(error as Error).message}`, true);
  }
  // Newer Fluentd answers 200 to a lone surrogate and throws the whole body away.
  if (/\\u[dD][89a-fA-F]/.test(text) && !isWellFormed(value)) {
    throw new RefusedBodyError("body has a lone surrogate", true);
  }
  const events = Array.isArray(value) ? value : [value];
  for (const event of events) {
    if (typeof event !== "object" || event === null || Array.isArray(event)) {
      throw new RefusedBodyError(`body holds ${JSON.stringify(event)} in place of an event`, true);
    }
    checkTime((event as ReceivedFields).time);
  }
  return events;
}

function checkTime(time: unknown): void {
  if (time === undefined || time === null) return;
  if (typeof time !== "string") {
    throw new RefusedBodyError(`value must be string: ${JSON.stringify(time)}`, false);
  }
  if (!RFC_3339.test(time) || Number.isNaN(Date.parse(time))) {
    throw new RefusedBodyError(`invalid date or strptime format: ${time}`, false);
  }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, item]) => key.isWellFormed() && isWellFormed(item));
}
