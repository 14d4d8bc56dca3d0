import {
  type CommandFlag,
  flagsOfCommander,
  flagsOfSettings,
  type FlagValue,
  HELP_FLAG,
} from "./command_flag.ts";
import { createConfigureCommand } from "./configure_args.ts";
import type { CliInput } from "./run_cli.ts";
import { writeOut } from "./terminal.ts";
import { formatUsage } from "./usage.ts";

/** A command of the program, as everything that lists commands knows it. */
export interface CommandRow {
  readonly name: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** What follows the name, in the manner of manuals. */
  readonly synopsis: string;
  readonly flags: () => readonly CommandFlag[];
  /** What its operands may be, in order. */
  readonly operands: readonly FlagValue[];
  /** Runs it with its arguments, the name left out, and returns the exit code. */
  readonly run: (input: CliInput, commands: readonly CommandRow[]) => Promise<number> | number;
}

const JSON_FLAG: CommandFlag = { long: "--json", doc: "Print JSON" };

const STATE_FLAG_ROWS: readonly CommandFlag[] = [
  JSON_FLAG,
  { long: "--all", doc: "Replay or drop all entries" },
  { long: "--go-layout", doc: "Export to, or import from, the files of the Go handler" },
  { long: "--yes", doc: "Do it without asking" },
];

const EXPORT_FLAG_ROWS: readonly CommandFlag[] = [
  { long: "--from", doc: "First moment of what export writes", value: textOperand("TIME") },
  {
    long: "--to",
    doc: "The moment after the last one; now when left out",
    value: textOperand("TIME"),
  },
  {
    long: "--format",
    doc: "How export writes events",
    value: { placeholder: "FORMAT", kind: "words", words: ["jsonl", "csv"] },
  },
  { long: "--fields", doc: "Columns of csv", value: textOperand("LIST") },
  {
    long: "--output",
    doc: "File that export writes; standard output when left out",
    value: { placeholder: "FILE", kind: "file" },
  },
];

/**
 * All commands, in the order in which a person meets them; help, completion and manual follow it. What
 * a command consists of is loaded when it runs: half of the time of a start is loading.
 */
export const COMMANDS: readonly CommandRow[] = [
  {
    name: "configure",
    summary: "write certificates, a Teleport role, and the files of Fluentd and the event handler",
    synopsis: "[FLAG...] OUT [ADDR [CA-NAME [SERVER-NAME [CLIENT-NAME]]]]",
    flags: () => [...flagsOfCommander(createConfigureCommand()), HELP_FLAG],
    operands: [
      { placeholder: "OUT", kind: "directory" },
      ...["ADDR", "CA-NAME", "SERVER-NAME", "CLIENT-NAME"].map(textOperand),
    ],
    run: async ({ args }) => (await import("./configure_command.ts")).runConfigure(args),
  },
  {
    name: "doctor",
    summary: "try everything that a start needs, and say what to do where it does not work",
    synopsis: "[--config FILE] [--json] [FLAG...]",
    flags: () => [...flagsOfSettings(), JSON_FLAG, HELP_FLAG],
    operands: [],
    run: async (input) => (await import("./doctor_command.ts")).runDoctor(input),
  },
  {
    name: "start",
    summary: "read audit events from Teleport and send them to Fluentd",
    synopsis: "[--config FILE] [FLAG...]",
    flags: () => [...flagsOfSettings(), HELP_FLAG],
    operands: [],
    run: async (input) => (await import("./start_command.ts")).runStart(input),
  },
  {
    name: "export",
    summary: "write the audit events of a span of time once, as JSON lines or CSV",
    synopsis: "--from TIME [--to TIME] [--format jsonl|csv] [--output FILE] [FLAG...]",
    flags: () => [...EXPORT_FLAG_ROWS, ...flagsOfSettings(), HELP_FLAG],
    operands: [],
    run: async (input) => (await import("./export_command.ts")).runExport(input),
  },
  {
    name: "state",
    summary: "look at what is stored, take it elsewhere or change it; send refused events again",
    synopsis: "show|export|import|set-cursor|reset|quarantine … [--config FILE] [FLAG...]",
    flags: () => [...flagsOfSettings(), ...STATE_FLAG_ROWS, HELP_FLAG],
    operands: [
      {
        placeholder: "ACTION",
        kind: "words",
        words: ["show", "export", "import", "set-cursor", "reset", "quarantine"],
      },
      { placeholder: "WHAT", kind: "words", words: ["list", "show", "replay", "drop"] },
      textOperand("ENTRY"),
    ],
    run: async (input) => (await import("./state_command.ts")).runState(input),
  },
  {
    name: "healthcheck",
    summary: "ask a running handler whether it is alive, or ready; for containers",
    synopsis: "[--ready] [--config FILE] [FLAG...]",
    flags: () => [
      ...flagsOfSettings(),
      { long: "--ready", doc: "Ask whether events flow, not only whether the process is alive" },
      HELP_FLAG,
    ],
    operands: [],
    run: async (input) => (await import("./healthcheck_command.ts")).runHealthcheck(input),
  },
  {
    name: "version",
    summary: "print the version",
    synopsis: "[--json]",
    flags: () => [JSON_FLAG, HELP_FLAG],
    operands: [],
    run: async ({ args }) => (await import("./version_command.ts")).runVersion(args),
  },
  {
    name: "completion",
    summary: "print the completion for a shell",
    synopsis: "bash|zsh|fish",
    flags: () => [HELP_FLAG],
    operands: [{ placeholder: "SHELL", kind: "words", words: ["bash", "zsh", "fish"] }],
    run: async ({ args }, commands) =>
      (await import("./completion_command.ts")).writeCompletion(args, commands),
  },
  {
    name: "man",
    summary: "print the manual page",
    synopsis: "",
    flags: () => [HELP_FLAG],
    operands: [],
    run: async ({ args }, commands) =>
      (await import("./man_page_command.ts")).writeManPage(args, commands),
  },
  {
    name: "help",
    summary: "print this text",
    synopsis: "",
    flags: () => [],
    operands: [],
    run(_, commands) {
      writeOut(formatUsage(commands));
      return 0;
    },
  },
];

function textOperand(placeholder: string): FlagValue {
  return { placeholder, kind: "text" };
}
