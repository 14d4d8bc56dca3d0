import { configureSync, getLogger, type LogRecord } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { LogFields, Logger, LogLevel } from "../core/logger.ts";
import { formatJsonLine } from "./json_format.ts";
import { LostLines } from "./lost_lines.ts";
import { RepeatFolder } from "./repeat_folder.ts";
import { formatTextLine } from "./text_format.ts";

/** How and where the program logs. */
export interface LoggerOptions {
  readonly format: "text" | "json";
  /** Quieter lines than this are not written. */
  readonly severity: LogLevel;
  /** Whether the level is coloured in the text format. */
  readonly color: boolean;
  readonly clock: Clock;
  /** Writes a line, which ends with a line break. May throw; nobody sees that but a later reader. */
  readonly write: (line: string) => void;
}

const CATEGORY = "teleport-event-handler";

/**
 * Creates the logger of the process; a second call replaces the first one's settings. Disposing of it
 * says what was kept back. Logging never throws.
 */
export function createLogger(options: LoggerOptions): Logger & Disposable {
  const { clock, color, format, severity, write } = options;
  const startMs = clock.monotonicMs();
  const lines = new LostLines((line) => {
    const text = format === "json"
      ? formatJsonLine({ ...line, timeMs: clock.nowMs() })
      : formatTextLine({ ...line, elapsedMs: clock.monotonicMs() - startMs }, { color });
    write(text + "\n");
  });
  const folder = new RepeatFolder({ clock, write: (line) => lines.write(line) });
  configureSync({
    reset: true,
    sinks: {
      lines(record: LogRecord): void {
        folder.take({
          level: record.level as LogLevel,
          // As it was given: the library would take braces in a peer's words for placeholders.
          message: String(record.rawMessage),
          fields: record.properties as LogFields,
        });
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
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}
