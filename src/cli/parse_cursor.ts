import { escapeControls } from "../core/escape_controls.ts";
import { Fault } from "../core/fault.ts";
import { parseRfc3339 } from "../core/rfc3339.ts";

const ID = /^[A-Za-z0-9][\w.:-]{0,255}$/;
const LOOKS_LIKE_TIME = /^\d{4}-\d{2}-\d{2}([Tt ]|$)/;
/** What `state set-cursor` takes. */
export const CURSOR_HINT =
  "Give a time such as 2026-01-31T10:00:00Z, or the uid of the last event that is done";

/** Parses where the log is to go on: milliseconds since the epoch, or undefined for the id of an event. */
export function parseCursor(text: string, nowMs: number): number | undefined {
  if (LOOKS_LIKE_TIME.test(text)) {
    let timeMs: number;
    try {
      timeMs = parseRfc3339(text);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new Fault("usage", error.message, { hint: CURSOR_HINT });
    }
    if (timeMs <= nowMs) return timeMs;
    throw new Fault("usage", `${text} is in the future: what comes until then would be lost`, {
      hint: CURSOR_HINT,
    });
  }
  if (ID.test(text)) return undefined;
  const shown = escapeControls(JSON.stringify(text.slice(0, 60)));
  throw new Fault("usage", `${shown} is neither a time nor the id of an event`, {
    hint: CURSOR_HINT,
  });
}
