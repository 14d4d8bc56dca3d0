import { systemClock } from "../core/clock.ts";
import { configure } from "../setup/configure.ts";
import { createConfigureCommand, parseConfigureArgs } from "./configure_args.ts";
import { createDialogue } from "./configure_dialogue.ts";
import { formatConfigureJson, formatConfigureReport } from "./configure_report.ts";
import { writeErr, writeOut } from "./terminal.ts";

/**
 * Runs `configure`: writes what is needed between Teleport, Fluentd and what is behind it.
 *
 * @throws {Fault} When the command line is wrong, files are in the way, or the disk says no. Nothing
 * has changed then.
 */
export async function runConfigure(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    let help = "";
    createConfigureCommand().name("teleport-event-handler configure")
      .configureOutput({ writeOut: (text) => help += text }).outputHelp();
    writeOut(help);
    return 0;
  }
  const { force, json, notices, options } = parseConfigureArgs(args, Deno.cwd());
  for (const notice of notices) writeErr(`${notice}\n`);
  const report = await configure({
    options,
    force,
    nowMs: systemClock.nowMs(),
    dialogue: createDialogue(systemClock),
  });
  writeOut((json ? formatConfigureJson : formatConfigureReport)(report, options));
  return 0;
}
