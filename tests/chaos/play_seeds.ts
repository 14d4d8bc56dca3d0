import type { Outcome, RunOptions } from "./run_seed.ts";
import { formatSchedule, type Schedule } from "./schedule.ts";
import { kindOf } from "./step.ts";

/** How seeds are played, and told of. */
export interface PlayOptions {
  readonly draw: (seed: number) => Schedule;
  readonly play: (schedule: Schedule, options: RunOptions) => Promise<Outcome>;
  readonly run: RunOptions;
  /** Options that repeat a seed. */
  readonly repeat: string;
  /** No seed is begun after this moment, on the monotonic clock. @default {Infinity} */
  readonly endMs?: number;
  /** Seeds that are played side by side. @default {1} */
  readonly jobs?: number;
  /** Folder for what the program said in failed seeds. */
  readonly keep?: string | undefined;
  readonly write: (line: string) => void;
}

/** What is left of an outcome when the harness itself failed. */
type Failure = Pick<Outcome, "problems" | "output" | "skipped">;

/** Plays seeds; the exit status is 0 when some were played and kept every promise. */
export async function playSeeds(seeds: readonly number[], how: PlayOptions): Promise<number> {
  const { draw, endMs = Infinity, jobs = 1, keep, play, repeat, run, write } = how;
  const left = [...seeds];
  const failed: number[] = [];
  const skipped = new Map<string, number[]>();
  const steps = new Map<string, number>();
  let played = 0;
  const work = async () => {
    while (left.length > 0 && performance.now() < endMs) {
      const seed = left.shift()!;
      const schedule = draw(seed);
      const outcome = await play(schedule, run).catch(failOf);
      played++;
      for (const step of schedule.steps) {
        steps.set(kindOf(step), (steps.get(kindOf(step)) ?? 0) + 1);
      }
      for (const what of outcome.skipped) {
        skipped.set(what, [...skipped.get(what) ?? [], seed]);
      }
      write(formatOutcome(seed, schedule, outcome));
      if (outcome.problems.length === 0) continue;
      failed.push(seed);
      write(`    repeat: scripts/chaos --seeds ${seed} ${repeat}`.trimEnd());
      if (keep !== undefined) await keepOutput(keep, { seed, schedule, outcome });
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  if (played === 0) {
    write("No seed was played: the time was over before the first one began");
    return 1;
  }
  write(`steps: ${[...steps].sort().map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
  for (const [what, seeds] of skipped) {
    write(`skipped in ${seeds.length} seeds: ${what}: ${seeds.join()}`);
  }
  write(
    `${played - failed.length} seeds passed, ${failed.length} failed${
      failed.length === 0 ? "" : `: ${failed.join()}`
    }`,
  );
  return failed.length === 0 ? 0 : 1;
}

/** The harness itself failed, which is no pass. */
function failOf(error: unknown): Failure {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  return { problems: [text], output: [], skipped: [] };
}

function formatOutcome(
  seed: number,
  { mode, peer, receiver }: Schedule,
  outcome: Outcome | Failure,
): string {
  const verdict = outcome.problems.length === 0 ? "ok    " : "FAILED";
  const facts = "counts" in outcome
    ? [
      `${(outcome.elapsedMs / 1000).toFixed(1)} s`,
      `recovery ${(outcome.recoveryMs / 1000).toFixed(1)} s`,
      ...Object.entries(outcome.counts).map(([name, count]) => `${name} ${count}`),
      ...outcome.skipped.map((what) => `skipped ${what}`),
    ].join(", ")
    : "";
  const problems = outcome.problems.map((problem) => `\n    ${problem}`).join("");
  return `seed ${seed} ${verdict} ${peer}/${mode} to ${receiver}: ${facts}${problems}`;
}

async function keepOutput(
  folder: string,
  { outcome, schedule, seed }: {
    readonly seed: number;
    readonly schedule: Schedule;
    readonly outcome: Failure;
  },
): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const lines = [formatSchedule(schedule), ...outcome.problems, ...outcome.output];
  await Deno.writeTextFile(`${folder}/${seed}.log`, lines.join("\n"));
}
