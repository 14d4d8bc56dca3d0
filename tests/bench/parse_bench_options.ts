import { parseArgs } from "node:util";

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
  const { events, help, json, only } = parseWords(args);
  const subject = SUBJECTS.find((subject) => subject === only);
  if (subject !== only) throw new RangeError(`--only ${only} is none of ${SUBJECTS.join(", ")}`);
  if (events !== undefined && !/^[1-9]\d{0,8}$/.test(events)) {
    throw new RangeError(`--events ${events} is not a whole number from 1 on`);
  }
  return { help, json, only: subject, events: events === undefined ? undefined : Number(events) };
}

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        events: { type: "string" },
        only: { type: "string" },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    // Its first sentence names the option; what follows is about programs.
    throw new RangeError((error as Error).message.split(/\. |\n/, 1)[0]!, { cause: error });
  }
}
