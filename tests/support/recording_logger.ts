import type { LogFields, Logger, LogLevel } from "../../src/core/logger.ts";
import { Bell } from "./bell.ts";

/** One line as it was logged. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** Which lines to look for: by level, and by text or pattern of the message. */
export interface LogQuery {
  readonly level?: LogLevel;
  readonly message?: string | RegExp;
}

/** A logger that keeps what it is told and can be waited on. */
export class RecordingLogger implements Logger {
  readonly isDebug = true;
  readonly records: LogRecord[] = [];
  readonly #bell = new Bell();

  debug(message: string, fields: LogFields = {}): void {
    this.#record({ level: "debug", message, fields });
  }

  info(message: string, fields: LogFields = {}): void {
    this.#record({ level: "info", message, fields });
  }

  warning(message: string, fields: LogFields = {}): void {
    this.#record({ level: "warning", message, fields });
  }

  error(message: string, fields: LogFields = {}): void {
    this.#record({ level: "error", message, fields });
  }

  /** The lines that match, in order. */
  find(query: LogQuery): LogRecord[] {
    return this.records.filter((record) =>
      (query.level === undefined || record.level === query.level) &&
      (query.message === undefined ||
        (typeof query.message === "string"
          ? record.message.includes(query.message)
          : query.message.test(record.message)))
    );
  }

  /** Resolves with the first line that matches, logged already or yet to come. */
  waitFor(query: LogQuery, timeoutMs?: number): Promise<LogRecord> {
    return this.#bell.waitFor(() => this.find(query)[0], {
      what: () =>
        `a log line like ${query.level ?? "any"} ${
          query.message ?? ""
        }; logged so far:\n${this.text}`,
      timeoutMs,
    });
  }

  /** All lines as text, for messages of failed assertions and for looking for secrets. */
  get text(): string {
    return this.records.map((r) => `${r.level} ${r.message} ${JSON.stringify(r.fields)}`).join(
      "\n",
    );
  }

  #record(record: LogRecord): void {
    this.records.push(record);
    this.#bell.ring();
  }
}
