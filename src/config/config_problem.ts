import { EXIT_CODES } from "../core/fault.ts";
import { escapeControls } from "../core/escape_controls.ts";
import { formatPlace, type Source } from "./source.ts";

/** One thing that is wrong with the settings. */
export interface ConfigProblem {
  /** `usage` for the command line, `config` for anything else. */
  readonly kind: "usage" | "config";
  /** Name as the person wrote it: flag, variable or TOML path; of the setting when it is missing. */
  readonly setting: string;
  /** Where the value came from; undefined when the problem is not that of one value. */
  readonly source: Source | undefined;
  /** The value as it may be shown; undefined when there is none. */
  readonly value: string | undefined;
  /** What is wrong. Sentence case, no final period. */
  readonly problem: string;
  /** What to do. Sentence case, no final period. */
  readonly hint: string;
}

/** Exit code for a set of problems: that of a wrong command line when there is one of these. */
export function exitCodeOf(problems: readonly ConfigProblem[]): number {
  const usage = problems.some((problem) => problem.kind === "usage");
  return usage ? EXIT_CODES.usage : EXIT_CODES.config;
}

/** Describes one problem in one line, without a secret. */
export function formatConfigProblem(problem: ConfigProblem): string {
  const ending = /[.?!]$/.test(problem.hint) ? "" : ".";
  return escapeControls(
    `${formatSubject(problem)}: ${problem.problem}. ${problem.hint}${ending}`,
  );
}

/** Renders the problems for the terminal: a heading, then one line for each. Ends with a line end. */
export function renderConfigProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? "1 setting needs" : `${problems.length} settings need`;
  const lines = problems.map((problem) => `  ${formatConfigProblem(problem)}\n`);
  return `teleport-event-handler: ${count} attention\n${lines.join("")}`;
}

function formatSubject({ setting, source, value }: ConfigProblem): string {
  const shown = value === undefined ? "" : JSON.stringify(value);
  switch (source?.origin) {
    case "flag":
      return `${setting} ${shown}`.trimEnd();
    case "env":
      return shown === "" ? setting : `${setting}=${shown}`;
    case "file": {
      const place = `(file ${formatPlace(source.file, source.line)})`;
      return shown === "" ? `${setting} ${place}` : `${setting} = ${shown} ${place}`;
    }
    default:
      return shown === "" ? setting : `${setting} ${shown}`;
  }
}
