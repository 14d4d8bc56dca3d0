import { parseNumber, parseWords } from "../support/command_options.ts";
import type { ScheduleOptions } from "./schedule.ts";

/** What `scripts/chaos` was asked to do. */
export interface ChaosOptions {
  readonly help: boolean;
  readonly seeds: readonly number[];
  /** What is not drawn from the seed. */
  readonly players: ScheduleOptions;
  /** No seed is begun after so long. */
  readonly minutes: number;
  readonly backlog?: number;
  readonly awaySeconds?: number;
  readonly patience: number;
  readonly jobs: number;
  readonly print: boolean;
  readonly keep: string | undefined;
  readonly soakMinutes?: number;
  readonly kills?: number;
  readonly replicas?: number;
  readonly defaultLease: boolean;
}

/** Each changes what a seed is, so that no two fit together. */
const WAYS = ["soak", "kill-in-a-row", "replicas", "away"] as const;
/** Replicas have players and schedules of their own. */
const NOT_OF_REPLICAS = ["peer", "receiver", "mode", "backlog"] as const;

const OPTIONS = {
  seeds: { type: "string", default: "1-20" },
  minutes: { type: "string" },
  peer: { type: "string" },
  receiver: { type: "string" },
  mode: { type: "string" },
  backlog: { type: "string" },
  away: { type: "string" },
  patience: { type: "string" },
  jobs: { type: "string" },
  print: { type: "boolean", default: false },
  keep: { type: "string" },
  soak: { type: "string" },
  "kill-in-a-row": { type: "string" },
  replicas: { type: "string" },
  "default-lease": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Reads the command line. @throws {RangeError} that says which value is none. */
export function parseChaosOptions(args: readonly string[]): ChaosOptions {
  const values = parseWords(args, OPTIONS);
  const ways = WAYS.filter((name) => values[name] !== undefined);
  if (ways.length > 1) {
    throw new RangeError(`--${ways[0]} and --${ways[1]} do not fit together`);
  }
  const { mode, peer, receiver } = {
    mode: parseChoice("mode", values.mode, ["legacy", "bulk"]),
    peer: parseChoice("peer", values.peer, ["fake", "authpeer"]),
    receiver: parseChoice("receiver", values.receiver, ["fake", "fluentd"]),
  };
  if (peer === "fake" && mode === "bulk") throw new RangeError("--mode bulk needs --peer authpeer");
  if (values.replicas === undefined) {
    if (values["default-lease"]) throw new RangeError("--default-lease needs --replicas");
  } else {
    const other = NOT_OF_REPLICAS.find((name) => values[name] !== undefined);
    if (other !== undefined) {
      throw new RangeError(`--replicas and --${other} do not fit together`);
    }
  }
  const numbers = {
    backlog: parseNumber("backlog", values.backlog, { least: 0, whole: true }),
    awaySeconds: parseNumber("away", values.away),
    soakMinutes: parseNumber("soak", values.soak),
    kills: parseNumber("kill-in-a-row", values["kill-in-a-row"], { least: 1, whole: true }),
    replicas: parseNumber("replicas", values.replicas, { least: 2, whole: true }),
  };
  return {
    help: values.help,
    seeds: parseSeeds(values.seeds),
    players: withoutUndefined({ mode, peer, receiver }),
    minutes: parseNumber("minutes", values.minutes) ?? Infinity,
    patience: parseNumber("patience", values.patience) ?? 1,
    jobs: parseNumber("jobs", values.jobs, { least: 1, whole: true }) ?? 1,
    print: values.print,
    keep: values.keep,
    defaultLease: values["default-lease"],
    ...withoutUndefined(numbers),
  };
}

function parseSeeds(text: string): number[] {
  const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(text) ?? [];
  if (first === undefined) throw new RangeError(`--seeds ${text} is neither N nor N-M`);
  if (Number(last) < Number(first)) {
    throw new RangeError(`--seeds ${text} holds no seed: ${last} is less than ${first}`);
  }
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
}

function parseChoice<const T extends string>(
  name: string,
  text: string | undefined,
  choices: readonly T[],
): T | undefined {
  const choice = choices.find((choice) => choice === text);
  if (choice === text) return choice;
  throw new RangeError(`--${name} ${text} is neither ${choices.join(" nor ")}`);
}

function withoutUndefined<T extends Readonly<Record<string, unknown>>>(
  values: T,
): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  const known = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as { readonly [K in keyof T]?: Exclude<T[K], undefined> };
}
