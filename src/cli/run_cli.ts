import { splitCommand } from "../config/start_args.ts";
import { EXIT_CODES, Fault, formatError } from "../core/fault.ts";
import { runStart } from "./start_command.ts";
import { writeErr, writeOut } from "./terminal.ts";
import { formatVersion } from "./version.ts";

/** What the process was started with. */
export interface CliInput {
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
  readonly pid: number;
}

const USAGE = `Forwards the audit log of Teleport to Fluentd.

Usage: teleport-event-handler COMMAND [FLAGS]

Commands:
  start      read audit events from Teleport and send them to Fluentd
  version    print the version
  help       print this text

  teleport-event-handler start --help    lists every setting

Example:
  teleport-event-handler start --config teleport-event-handler.toml
`;

/**
 * Runs the program and returns its exit code: 0 done or stopped by a signal, 1 a fault while running,
 * 2 a wrong command line, 78 a wrong setting. Nothing is printed but what a person can use.
 */
export async function runCli(input: CliInput): Promise<number> {
  const { command, args } = splitCommand(input.args);
  try {
    switch (command) {
      case "start":
        return await runStart({ ...input, args });
      case "version":
        writeOut(formatVersion() + "\n");
        return 0;
      case "help":
        writeOut(USAGE);
        return 0;
      case undefined:
        return runWithoutCommand(args);
      default:
        throw new Fault("usage", `Unknown command '${command}'`, {
          hint: "Commands are start, version and help",
        });
    }
  } catch (error) {
    if (error instanceof Fault) {
      writeErr(`teleport-event-handler: ${error.text}\n`);
      return EXIT_CODES[error.kind];
    }
    writeErr(`teleport-event-handler: Unexpected error: ${formatError(error)}\n`);
    if (error instanceof Error && error.stack !== undefined) writeErr(`${error.stack}\n`);
    return EXIT_CODES.internal;
  }
}

function runWithoutCommand(args: readonly string[]): number {
  if (args.includes("--version") || args.includes("-v")) {
    writeOut(formatVersion() + "\n");
    return 0;
  }
  if (args.includes("--help") || args.includes("-h")) {
    writeOut(USAGE);
    return 0;
  }
  writeErr(USAGE);
  return EXIT_CODES.usage;
}
