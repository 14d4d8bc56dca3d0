import type { CommandRow } from "./command_table.ts";
import { formatManPage } from "./man_page.ts";
import { refuseArguments } from "./refuse_arguments.ts";
import { writeOut } from "./terminal.ts";
import { formatCommandUsage, PROGRAM } from "./usage.ts";

/**
 * Runs `man`.
 *
 * @throws {Fault} of kind `usage`.
 */
export function writeManPage(args: readonly string[], commands: readonly CommandRow[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    const text = `Print the manual page, to be read or installed:

  ${PROGRAM} man | man -l -
  ${PROGRAM} man > /usr/local/share/man/man1/${PROGRAM}.1`;
    writeOut(formatCommandUsage("man", "", text));
    return 0;
  }
  refuseArguments("man", args);
  writeOut(formatManPage(commands));
  return 0;
}
