import { Fault } from "../core/fault.ts";
import { formatBashCompletion } from "./bash_completion.ts";
import type { CommandRow } from "./command_table.ts";
import { formatFishCompletion } from "./fish_completion.ts";
import { refuseArguments } from "./refuse_arguments.ts";
import { writeOut } from "./terminal.ts";
import { formatCommandUsage, PROGRAM } from "./usage.ts";
import { formatZshCompletion } from "./zsh_completion.ts";

const FORMATS: { readonly [shell: string]: (commands: readonly CommandRow[]) => string } = {
  bash: formatBashCompletion,
  zsh: formatZshCompletion,
  fish: formatFishCompletion,
};

const HELP = `Print the completion for a shell. To use it:

  bash   ${PROGRAM} completion bash > ~/.local/share/bash-completion/completions/${PROGRAM}
  zsh    ${PROGRAM} completion zsh > "\${fpath[1]}/_${PROGRAM}"
  fish   ${PROGRAM} completion fish > ~/.config/fish/completions/${PROGRAM}.fish`;

/**
 * Runs `completion`.
 *
 * @throws {Fault} of kind `usage`.
 */
export function writeCompletion(args: readonly string[], commands: readonly CommandRow[]): number {
  if (args.includes("--help") || args.includes("-h")) {
    writeOut(formatCommandUsage("completion", "bash|zsh|fish", HELP));
    return 0;
  }
  const [shell, ...others] = args;
  const names = Object.keys(FORMATS).join(", ");
  if (shell === undefined) {
    throw new Fault("usage", "The name of a shell is missing", { hint: `Give one of ${names}` });
  }
  const format = Object.hasOwn(FORMATS, shell) ? FORMATS[shell] : undefined;
  if (format === undefined) {
    throw new Fault("usage", `No completion for the shell ${JSON.stringify(shell)}`, {
      hint: `Give one of ${names}`,
    });
  }
  refuseArguments("completion", others);
  writeOut(format(commands));
  return 0;
}
