import type { LogFields, LogLevel } from "../core/logger.ts";

/** Formats a line as one JSON object with the keys of Teleport's own JSON logs. */
export function formatJsonLine(
  line: { level: LogLevel; message: string; fields: LogFields; timeMs: number },
): string {
  return JSON.stringify({
    timestamp: new Date(line.timeMs).toISOString().replace(/\.\d+Z$/, "Z"),
    level: line.level,
    message: line.message,
    component: "event-handler",
    ...line.fields,
  });
}
