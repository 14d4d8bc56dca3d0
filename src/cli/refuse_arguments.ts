import { Fault } from "../core/fault.ts";

/**
 * Refuses what is left of a command line. Flags that the Go handler takes before any command
 * (`--debug`, `-d`) do no harm.
 *
 * @throws {Fault} of kind `usage` that names the first argument too many.
 */
export function refuseArguments(command: string, args: readonly string[]): void {
  const unknown = args.find((arg) => arg !== "--debug" && arg !== "-d");
  if (unknown === undefined) return;
  const what = unknown.startsWith("-") ? "flag" : "argument";
  throw new Fault("usage", `Unknown ${what} ${JSON.stringify(unknown)} of ${command}`, {
    hint: `See ${command} --help`,
  });
}
