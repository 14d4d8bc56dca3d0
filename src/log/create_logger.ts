import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { LogFields, Logger, LogLevel } from "../core/logger.ts";
import { formatJsonLine } from "./json_format.ts";
import { formatTextLine } from "./text_format.ts";

/** How and where the program logs. */
export interface LoggerOptions {
  readonly format: "text" | "json";
  /** Quieter lines than this are not written. */
  readonly severity: LogLevel;
  /** Whether the level is coloured in the text format. */
  readonly color: boolean;
  readonly clock: Clock;
  /** Writes a line, which ends with a line break. */
  readonly write: (line: string) => void;
}

const CATEGORY = "teleport-event-handler";

/** Creates the logger of the process; a second call replaces the first one's settings. */
export function createLogger(options: LoggerOptions): Logger {
  const { clock, color, format, severity, write } = options;
  const startMs = clock.monotonicMs();
  configureSync({
    reset: true,
    sinks: {
      lines(record: LogRecord): void {
        const level = record.level as LogLevel;
        // As it was given: the library would take braces in a peer's words for placeholders.
        const message = String(record.rawMessage);
        const fields = record.properties as LogFields;
        const line = format === "json"
          ? formatJsonLine({ level, message, fields, timeMs: record.timestamp })
          : formatTextLine(
            { level, message, fields, elapsedMs: clock.monotonicMs() - startMs },
            { color },
          );
        write(line + "\n");
      },
    },
    loggers: [
      { category: CATEGORY, lowestLevel: severity, sinks: ["lines"] },
      // The library tells about itself there; its errors are ours to hear.
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
    ],
  });
  const logger = getLogger(CATEGORY);
  return {
    isDebug: severity === "debug",
    debug: (message, fields) => logger.debug(message, { ...fields }),
    info: (message, fields) => logger.info(message, { ...fields }),
    warning: (message, fields) => logger.warning(message, { ...fields }),
    error: (message, fields) => logger.error(message, { ...fields }),
  };
}
