import { refuseArguments } from "./refuse_arguments.ts";
import { writeOut } from "./terminal.ts";
import { formatCommandUsage } from "./usage.ts";
import { formatVersion, formatVersionJson } from "./version.ts";

/**
 * Runs `version`.
 *
 * @throws {Fault} of kind `usage`.
 */
export function runVersion(args: readonly string[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    writeOut(formatCommandUsage("version", "[--json]", "Print the version, and what built it."));
    return 0;
  }
  refuseArguments("version", args.filter((arg) => arg !== "--json"));
  writeOut((args.includes("--json") ? formatVersionJson() : formatVersion()) + "\n");
  return 0;
}
