import type { LogFields, LogLevel } from "../core/logger.ts";

/** A line of the log before it has its form. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}
