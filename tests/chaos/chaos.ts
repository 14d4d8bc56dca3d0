/** `scripts/chaos`: plays many seeds, or one long run. */
import { parseArgs } from "node:util";
import { type Outcome, type RunOptions, runSeed } from "./run_seed.ts";
import { drawSchedule, formatSchedule, type Schedule, type ScheduleOptions } from "./schedule.ts";
import { kindOf } from "./step.ts";
import { killInARow, soak, withBacklog } from "./long_schedules.ts";
import { playReplicas } from "./replicas/play_replicas.ts";
import { ResourceWatch } from "./resource_watch.ts";

const USAGE = `Usage: scripts/chaos [OPTION]…

Runs the program between two peers, troubles all three by a schedule that is drawn from a seed, ends
the faults, and judges whether every promise of docs/delivery.md was kept.

  --seeds N, --seeds N-M      the seeds to play (default: 1-20)
  --minutes N                 begin no seed after so long (default: without end)
  --peer fake|authpeer        the auth server (default: drawn from the seed; authpeer needs AUTHPEER)
  --receiver fake|fluentd     the receiver (default: fake; fluentd needs scripts/setup-peers)
  --mode legacy|bulk          how authpeer gives the log (default: drawn from the seed)
  --backlog N                 events that are there at the start, for requests of 1,000 (default: drawn
                              from the seed, some hundred at most)
  --patience N                let everything take N times as long, on a busy machine (default: 1)
  --jobs N                    seeds that are played side by side (default: 1)
  --print                     print the schedules and play nothing
  --keep FOLDER               write what the program said in failed seeds to this folder
  --soak MINUTES              one long run with faults, judged by memory, open files and lag
  --kill-in-a-row N           kill -9 and restart N times in a row
  --replicas N                so many replicas on denokv (DENOKV, AUTHPEER): they crash, stand still and
                              lose the store; never two may lead, and each takeover is timed
  --default-lease             with --replicas, leases of 15 s in all seeds, and not in each tenth alone
`;

function write(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** Runs the command line and returns the exit status. */
async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "1-20" },
      minutes: { type: "string" },
      peer: { type: "string" },
      receiver: { type: "string" },
      mode: { type: "string" },
      backlog: { type: "string" },
      patience: { type: "string", default: "1" },
      jobs: { type: "string", default: "1" },
      print: { type: "boolean", default: false },
      keep: { type: "string" },
      soak: { type: "string" },
      "kill-in-a-row": { type: "string" },
      replicas: { type: "string" },
      "default-lease": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    write(USAGE);
    return 0;
  }
  const { backlog, mode, peer, receiver } = values;
  const options = {
    ...(mode === undefined ? {} : { mode }),
    ...(peer === undefined ? {} : { peer }),
    ...(receiver === undefined ? {} : { receiver }),
  } as ScheduleOptions;
  const seeds = parseSeeds(values.seeds);
  const patience = Number(values.patience);
  const [soakMinutes, kills] = [values.soak, values["kill-in-a-row"]].map(Number);
  if (values.replicas !== undefined) {
    return await playReplicas({
      seeds,
      replicas: Number(values.replicas),
      defaultLease: values["default-lease"],
      patience,
      jobs: Number(values.jobs),
      print: values.print,
      endMs: performance.now() + Number(values.minutes ?? Infinity) * 60_000,
      keep: values.keep,
      write,
    });
  }
  const draw = (seed: number) => {
    const schedule = drawSchedule(seed, options);
    return backlog === undefined ? schedule : withBacklog(schedule, Number(backlog));
  };
  if (values.print) {
    for (const seed of seeds) write(formatSchedule(draw(seed)));
    return 0;
  }
  const minutes = values.minutes === undefined ? Infinity : Number(values.minutes);
  const missing = findMissingPeer(options);
  if (missing !== undefined) {
    write(missing);
    return 2;
  }
  if (values.soak !== undefined) {
    return await playSeeds([seeds[0]!], {
      draw: (seed) => soak(draw(seed), soakMinutes!),
      run: { patience, observer: new ResourceWatch(write) },
      repeat: `--soak ${soakMinutes}${formatOptions({ ...options, backlog })}`,
      keep: values.keep,
    });
  }
  if (values["kill-in-a-row"] !== undefined) {
    return await playSeeds([seeds[0]!], {
      draw: (seed) => killInARow(draw(seed), kills!),
      run: { patience },
      repeat: `--kill-in-a-row ${kills}${formatOptions({ ...options, backlog })}`,
      keep: values.keep,
    });
  }
  return await playSeeds(seeds, {
    draw,
    run: { patience },
    repeat: formatOptions({ ...options, backlog }).trimStart(),
    endMs: performance.now() + minutes * 60_000,
    jobs: Number(values.jobs),
    keep: values.keep,
  });
}

/** What a person has to do first, where a player is not there. */
function findMissingPeer({ peer, receiver }: ScheduleOptions): string | undefined {
  if (peer !== "fake" && !Deno.env.get("AUTHPEER")) {
    return "AUTHPEER does not name authpeer; play with --peer fake, or set it";
  }
  if (receiver === "fluentd" && !Deno.env.get("FLUENTD_NEWEST")) {
    return "There is no Fluentd; scripts/setup-peers installs it";
  }
  return undefined;
}

async function playSeeds(
  seeds: readonly number[],
  how: {
    readonly draw: (seed: number) => Schedule;
    readonly run: RunOptions;
    /** Options that repeat a seed. */
    readonly repeat: string;
    readonly endMs?: number;
    readonly jobs?: number;
    readonly keep: string | undefined;
  },
): Promise<number> {
  const left = [...seeds];
  const failed: number[] = [];
  const skipped = new Set<string>();
  const steps = new Map<string, number>();
  let played = 0;
  const work = async () => {
    while (left.length > 0 && performance.now() < (how.endMs ?? Infinity)) {
      const seed = left.shift()!;
      const schedule = how.draw(seed);
      const outcome = await runSeed(schedule, how.run).catch((error) => failOf(error));
      played++;
      for (const step of schedule.steps) {
        steps.set(kindOf(step), (steps.get(kindOf(step)) ?? 0) + 1);
      }
      if ("skipped" in outcome) outcome.skipped.forEach((what) => skipped.add(what));
      write(formatOutcome(seed, schedule, outcome));
      if (outcome.problems.length === 0) continue;
      failed.push(seed);
      write(`    repeat: scripts/chaos --seeds ${seed} ${how.repeat}`);
      if (how.keep !== undefined) await keepOutput(how.keep, { seed, schedule, outcome });
    }
  };
  await Promise.all(Array.from({ length: how.jobs ?? 1 }, work));
  write(
    `steps: ${[...steps].sort().map(([kind, count]) => `${kind} ${count}`).join(", ")}`,
  );
  for (const what of skipped) write(`skipped: ${what}`);
  write(`${played - failed.length} seeds passed, ${failed.length} failed: ${failed.join()}`);
  return failed.length === 0 ? 0 : 1;
}

/** The harness itself failed, which is no pass. */
function failOf(error: unknown): Pick<Outcome, "problems" | "output"> {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  return { problems: [text], output: [] };
}

function formatOutcome(
  seed: number,
  { mode, peer, receiver }: { mode: string; peer: string; receiver: string },
  outcome: Outcome | Pick<Outcome, "problems" | "output">,
): string {
  const verdict = outcome.problems.length === 0 ? "ok    " : "FAILED";
  const facts = "counts" in outcome
    ? [
      `${(outcome.elapsedMs / 1000).toFixed(1)} s`,
      `recovery ${(outcome.recoveryMs / 1000).toFixed(1)} s`,
      ...Object.entries(outcome.counts).map(([name, count]) => `${name} ${count}`),
    ].join(", ")
    : "";
  const problems = outcome.problems.map((problem) => `\n    ${problem}`).join("");
  return `seed ${seed} ${verdict} ${peer}/${mode} to ${receiver}: ${facts}${problems}`;
}

function formatOptions(
  { backlog, mode, peer, receiver }: ScheduleOptions & { readonly backlog: string | undefined },
): string {
  return Object.entries({ mode, peer, receiver, backlog })
    .map(([name, value]) => value === undefined ? "" : ` --${name} ${value}`)
    .join("");
}

async function keepOutput(
  folder: string,
  { outcome, schedule, seed }: {
    readonly seed: number;
    readonly schedule: Schedule;
    readonly outcome: Pick<Outcome, "problems" | "output">;
  },
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const lines = [formatSchedule(schedule), ...outcome.problems, ...outcome.output];
  await Deno.writeTextFile(`${folder}/${seed}.log`, lines.join("\n"));
}

function parseSeeds(text: string): number[] {
  const [first, last] = text.split("-").map(Number);
  return Array.from({ length: (last ?? first)! - first! + 1 }, (_, i) => first! + i);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
