/** Values that may accompany a log line. Undefined ones are left out. */
export type LogFields = { readonly [key: string]: string | number | boolean | undefined };

/** How loud a log line is. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/** Where the program says what it does. Messages never hold secrets, and payloads only at debug. */
export interface Logger {
  /** Whether debug lines are written at all: what costs to say need not be worked out otherwise. */
  readonly isDebug: boolean;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warning(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
