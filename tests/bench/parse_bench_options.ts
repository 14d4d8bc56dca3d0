import { parseNumber, parseWords } from "../support/command_options.ts";

/** What can be measured by itself; `soak` and `replicas` are measured when they are named alone. */
const SUBJECTS = [
  "paged",
  "bulk",
  "sessions",
  "fluentd",
  "live",
  "start",
  "aging",
  "soak",
  "replicas",
] as const;

const OPTIONS = {
  events: { type: "string" },
  only: { type: "string" },
  json: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

/** What `scripts/bench` was told. */
export interface BenchOptions {
  readonly help: boolean;
  /** Events of each row; as many as fit the subject when undefined. */
  readonly events: number | undefined;
  /** All but `soak` and `replicas` when undefined. */
  readonly only: typeof SUBJECTS[number] | undefined;
  /** File for the figures. */
  readonly json: string | undefined;
}

/** @throws {RangeError} that says what is wrong with the command line. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { events, help, json, only } = parseWords(args, OPTIONS);
  const subject = SUBJECTS.find((subject) => subject === only);
  if (subject !== only) throw new RangeError(`--only ${only} is none of ${SUBJECTS.join(", ")}`);
  const count = parseNumber("events", events, { least: 1, whole: true });
  return { help, json, only: subject, events: count };
}
