import { drawReplicaSchedule, formatReplicaSchedule } from "./replica_schedule.ts";
import { type ReplicaOutcome, runReplicaSeed } from "./run_replica_seed.ts";

/** How many seeds are played. */
export interface PlayReplicasOptions {
  readonly seeds: readonly number[];
  readonly replicas: number;
  /** Leases as they are by default in all schedules; otherwise in each tenth. */
  readonly defaultLease: boolean;
  readonly patience: number;
  readonly jobs: number;
  /** Print the schedules and play nothing. */
  readonly print: boolean;
  /** Begin no seed after this moment. */
  readonly endMs: number;
  readonly keep: string | undefined;
  readonly write: (line: string) => void;
}

/** Plays replicas on a shared store; the exit status is 0 when every promise was kept. */
export async function playReplicas(options: PlayReplicasOptions): Promise<number> {
  const { defaultLease, endMs, jobs, keep, patience, print, replicas, seeds, write } = options;
  const drawWith = defaultLease ? { replicas, defaultLease } : { replicas };
  if (print) {
    for (const seed of seeds) write(formatReplicaSchedule(drawReplicaSchedule(seed, drawWith)));
    return 0;
  }
  const left = [...seeds];
  const failed: number[] = [];
  const slowest = { crash: 0, stop: 0 };
  const sums = new Map<string, number>();
  let played = 0;
  const work = async () => {
    while (left.length > 0 && performance.now() < endMs) {
      const seed = left.shift()!;
      const schedule = drawReplicaSchedule(seed, drawWith);
      const outcome = await runReplicaSeed(schedule, { patience }).catch(failOf);
      played++;
      const { lease, mode } = schedule;
      const times = describeTimes(outcome);
      const verdict = outcome.problems.length === 0 ? "ok    " : "FAILED";
      write(
        `seed ${seed} ${verdict} ${replicas} replicas, ${mode}, ${lease.durationMs} ms: ${times}`,
      );
      // What a short lease makes of a crash says nothing of the promise.
      const scale = 15_000 / lease.durationMs;
      slowest.crash = Math.max(slowest.crash, outcome.takeoverMs.crash * scale);
      slowest.stop = Math.max(slowest.stop, outcome.takeoverMs.stop);
      for (const [name, count] of Object.entries(outcome.counts)) {
        sums.set(name, (sums.get(name) ?? 0) + count);
      }
      if (outcome.problems.length === 0) continue;
      failed.push(seed);
      for (const problem of outcome.problems) write(`    ${problem}`);
      write(`    repeat: scripts/chaos --replicas ${replicas} --seeds ${seed}`);
      if (keep === undefined) continue;
      await Deno.mkdir(keep, { recursive: true });
      const lines = [formatReplicaSchedule(schedule), ...outcome.problems, ...outcome.output];
      await Deno.writeTextFile(`${keep}/replicas-${seed}.log`, lines.join("\n"));
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  if (played === 0) {
    write("No seed was played: the time was over before the first one began");
    return 1;
  }
  const total = [...sums].map(([name, sum]) => `${name} ${sum}`).join(", ");
  write(`in sum: ${total}`);
  write(
    `slowest takeover: ${
      (slowest.crash / 1000).toFixed(1)
    } s after a crash, with the default lease; ` +
      `${slowest.stop} ms after a stop`,
  );
  write(`${played - failed.length} seeds passed, ${failed.length} failed: ${failed.join()}`);
  return failed.length === 0 ? 0 : 1;
}

function describeTimes({ counts, elapsedMs, takeoverMs }: ReplicaOutcome): string {
  return [
    `${(elapsedMs / 1000).toFixed(1)} s`,
    `takeover ${(takeoverMs.crash / 1000).toFixed(1)} s and ${
      (takeoverMs.stop / 1000).toFixed(1)
    } s`,
    ...Object.entries(counts).map(([name, count]) => `${name} ${count}`),
  ].join(", ");
}

/** The harness itself failed, which is no pass. */
function failOf(error: unknown): ReplicaOutcome {
  const text = error instanceof Error ? error.stack ?? error.message : String(error);
  const takeoverMs = { crash: 0, stop: 0 };
  return { problems: [text], elapsedMs: 0, takeoverMs, counts: {}, output: [] };
}
