import type { LogFields, LogLevel } from "../core/logger.ts";
import { escapeControls } from "../core/escape_controls.ts";

/** Formats a line as one JSON object with the keys of Teleport's own JSON logs. */
export function formatJsonLine(
  line: { level: LogLevel; message: string; fields: LogFields; timeMs: number },
): string {
  const head = {
    timestamp: new Date(line.timeMs).toISOString().replace(/\.\d+Z$/, "Z"),
    level: line.level,
    message: line.message,
    component: "event-handler",
  };
  // The head comes first in the line, and no field takes its place.
  return escapeControls(JSON.stringify({ ...head, ...line.fields, ...head }));
}
