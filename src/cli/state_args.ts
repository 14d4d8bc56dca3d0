import { asksForHelp, splitCommand } from "../config/start_args.ts";

/** A command line of `state`, taken apart. */
export interface StateArgs {
  /** What stands there besides flags, such as `quarantine`, `show` and an entry. */
  readonly operands: readonly string[];
  /** The flags of its own that were given. */
  readonly flags: ReadonlySet<StateFlag>;
  /** All that is left: the flags of the settings. */
  readonly settings: readonly string[];
  readonly help: boolean;
}

/** The flags that `state` has besides those of the settings. */
export const STATE_FLAGS = ["--json", "--all", "--yes", "--go-layout"] as const;
/** One of them. */
export type StateFlag = typeof STATE_FLAGS[number];

/** Takes the arguments of `state` apart. The flags of the settings are not looked at. */
export function parseStateArgs(args: readonly string[]): StateArgs {
  const flags = new Set(STATE_FLAGS.filter((flag) => args.includes(flag)));
  let rest = args.filter((arg) => !STATE_FLAGS.some((flag) => flag === arg));
  const operands: string[] = [];
  while (true) {
    const { command, args } = splitCommand(rest);
    if (command === undefined) break;
    operands.push(command);
    rest = [...args];
  }
  return { operands, flags, settings: rest, help: asksForHelp(rest) };
}
