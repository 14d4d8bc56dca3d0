import { Fault } from "../core/fault.ts";
import type { StateContext } from "./state_table.ts";
import { readTerminalLine } from "./terminal_input.ts";
import { writeErr } from "./terminal.ts";

/**
 * Whether a person at the terminal, or `--yes`, wants something to be done: `what` completes "Do you
 * want to …?", `lines` say before what it would mean.
 *
 * @throws {Fault} of kind `usage` when nobody is there to ask.
 */
export async function isWanted(
  { flags }: Pick<StateContext, "flags">,
  what: string,
  lines: readonly string[],
): Promise<boolean> {
  if (flags.has("--yes")) return true;
  if (!Deno.stdin.isTerminal()) {
    throw new Fault("usage", `Nobody is there to confirm: ${what}`, { hint: "Give --yes" });
  }
  for (const line of lines) writeErr(`  ${line}\n`);
  writeErr(`Do you want to ${what}? [y/N] `);
  return /^(y|yes)$/i.test((await readTerminalLine()).trim());
}
