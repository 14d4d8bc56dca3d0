import type { CommandRow } from "./command_table.ts";

/** What the program is called. */
export const PROGRAM = "teleport-event-handler";

/** Formats the text of `help`: all commands and where more is said. Ends with a line end. */
export function formatUsage(commands: readonly CommandRow[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 2;
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}\n`).join("");
  return `Forwards the audit log of Teleport to Fluentd.

Usage: ${PROGRAM} COMMAND [FLAGS]

Commands:
${rows}
  ${PROGRAM} start --help        lists every setting
  ${PROGRAM} configure --help    says what is written and how
  ${PROGRAM} man | man -l -      shows the manual page

Examples:
  ${PROGRAM} configure .
  ${PROGRAM} doctor --config teleport-event-handler.toml
  ${PROGRAM} start --config teleport-event-handler.toml
`;
}

/** Formats the short help of a command without settings. */
export function formatCommandUsage(name: string, synopsis: string, text: string): string {
  return `Usage: ${PROGRAM} ${name}${synopsis === "" ? "" : ` ${synopsis}`}\n\n${text}\n`;
}
