import type { LogFields, LogLevel } from "../core/logger.ts";
import { escapeControls } from "../core/escape_controls.ts";

const NAMES: { readonly [level in LogLevel]: string } = {
  debug: "DEBU",
  info: "INFO",
  warning: "WARN",
  error: "ERRO",
};
/** ANSI colours of the level names: grey, cyan, yellow, red. */
const COLORS: { readonly [level in LogLevel]: number } = {
  debug: 90,
  info: 36,
  warning: 33,
  error: 31,
};

/** What a line of text is made of. */
export interface TextLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
  /** Time since the start of the program, in milliseconds. */
  readonly elapsedMs: number;
}

/** Formats a line in the shape of the Go handler: `INFO[0046] Event sent id=… ts="…" type=…`. */
export function formatTextLine(line: TextLine, options: { readonly color: boolean }): string {
  const seconds = String(Math.floor(line.elapsedMs / 1000)).padStart(4, "0");
  const name = options.color
    ? `\x1b[${COLORS[line.level]}m${NAMES[line.level]}\x1b[0m`
    : NAMES[line.level];
  let text = `${name}[${seconds}] ${escapeControls(line.message)}`;
  for (const [key, value] of Object.entries(line.fields)) {
    if (value !== undefined) text += ` ${key}=${formatValue(value)}`;
  }
  return text;
}

function formatValue(value: string | number | boolean): string {
  const text = String(value);
  return /^[A-Za-z0-9._/@^+-]+$/.test(text) ? text : escapeControls(JSON.stringify(text));
}
