import type { Config } from "../config/config.ts";
import { systemClock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import { createLogger } from "../log/create_logger.ts";
import { LogFile } from "../log/log_file.ts";
import { showsColor, writeLine } from "./terminal.ts";

/** The log of a run. */
export interface Log extends Disposable {
  readonly logger: Logger;
  readonly isOnStderr: boolean;
  /** Whether a person sees it come. */
  readonly isOnTerminal: boolean;
}

/** Where the lines go, and what SIGHUP does about it. */
interface Output {
  readonly color: boolean;
  readonly isTerminal: boolean;
  write(line: string): void;
  /** @throws {Fault} */
  reopen?(): void;
  [Symbol.dispose]?(): void;
}

/**
 * Opens the log where `log-output` says. SIGHUP opens a file anew, after a log rotation, and does
 * nothing otherwise: it never ends the program.
 *
 * @throws {Fault} of kind `config` when the file cannot be opened.
 */
export function openLog(config: Config, env: { readonly [name: string]: string }): Log {
  const { logFormat: format, logOutput, logSeverity: severity } = config;
  using stack = new DisposableStack();
  const output = openOutput(logOutput, env);
  stack.defer(() => output[Symbol.dispose]?.());
  const { color } = output;
  const write = (line: string) => output.write(line);
  const logger = stack.use(createLogger({ format, severity, color, clock: systemClock, write }));
  if (Deno.build.os !== "windows") {
    const onHangup = () => reopenLog(output, logger);
    Deno.addSignalListener("SIGHUP", onHangup);
    stack.defer(() => Deno.removeSignalListener("SIGHUP", onHangup));
  }
  const held = stack.move();
  return {
    logger,
    isOnStderr: logOutput === "stderr",
    isOnTerminal: output.isTerminal,
    [Symbol.dispose]: () => held.dispose(),
  };
}

function openOutput(path: string, env: { readonly [name: string]: string }): Output {
  if (path === "stdout" || path === "stderr") {
    const stream = path === "stdout" ? Deno.stdout : Deno.stderr;
    return {
      color: showsColor(env, stream),
      isTerminal: stream.isTerminal(),
      write: (line) => writeLine(stream, line),
    };
  }
  const file = new LogFile(path);
  return {
    color: false,
    isTerminal: false,
    write: (line) => file.write(line),
    reopen: () => file.reopen(),
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

function reopenLog(output: Output, logger: Logger): void {
  if (output.reopen === undefined) {
    logger.info("SIGHUP has no effect: the log goes to no file (log-output)");
    return;
  }
  try {
    output.reopen();
    logger.info("Log file opened anew");
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    logger.error(`The log goes on in the old file. ${error.text}`);
  }
}
