import { splitCommand } from "../config/start_args.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { EXIT_CODES, Fault, formatError } from "../core/fault.ts";
import { COMMANDS } from "./command_table.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { formatUsage, PROGRAM } from "./usage.ts";
import { formatVersion } from "./version.ts";

/** What the process was started with. */
export interface CliInput {
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly pid: number;
}

/**
 * Runs the program and returns its exit code: 0 done or stopped by a signal, 1 a fault while running,
 * 2 a wrong command line, 78 a wrong setting. Nothing is printed but what a person can use.
 */
export async function runCli(input: CliInput): Promise<number> {
  const { command: name, args } = splitCommand(input.args);
  try {
    if (name === undefined) return runWithoutCommand(args);
    const command = COMMANDS.find((command) => command.name === name);
    if (command !== undefined) return await command.run({ ...input, args }, COMMANDS);
    throw new Fault("usage", `Unknown command '${name}'`, {
      hint: `Commands are ${COMMANDS.map(({ name }) => name).join(", ")}`,
    });
  } catch (error) {
    if (error instanceof Fault) {
      writeErr(`${PROGRAM}: ${escapeControls(error.text)}\n`);
      return EXIT_CODES[error.kind];
    }
    writeErr(`${PROGRAM}: Unexpected error: ${escapeControls(formatError(error))}\n`);
    if (error instanceof Error && error.stack !== undefined) {
      writeErr(error.stack.split("\n").map(escapeControls).join("\n") + "\n");
    }
    return EXIT_CODES.internal;
  }
}

function runWithoutCommand(args: readonly string[]): number {
  if (args.includes("--version") || args.includes("-v")) {
    writeOut(formatVersion() + "\n");
    return 0;
  }
  if (args.includes("--help") || args.includes("-h")) {
    writeOut(formatUsage(COMMANDS));
    return 0;
  }
  writeErr(formatUsage(COMMANDS));
  return EXIT_CODES.usage;
}
