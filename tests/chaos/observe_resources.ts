import { systemClock } from "../../src/core/clock.ts";
import { TestProcess } from "../support/process.ts";
import type { World } from "./world.ts";

/** What a process held at a moment. */
interface Sample {
  readonly seconds: number;
  readonly residentMb: number;
  readonly openFiles: number;
}

const SAMPLE_MS = 5000;
const PRINT_EVERY = 6;
/** What the last quarter of a run may have more than the second one. */
const MAX_GROWTH = { residentMb: 20, openFiles: 6 };

/** Samples memory and open files of the handler until the end, and judges that they do not grow. */
export async function observeResources(
  world: World,
  until: AbortSignal,
  print: (line: string) => void,
): Promise<string[]> {
  const samples: Sample[] = [];
  const startMs = performance.now();
  print("   time     memory   open files");
  while (!until.aborted) {
    const { pid } = world.handler;
    const sample = pid === undefined ? undefined : await takeSample(pid, startMs);
    if (sample !== undefined) {
      if (samples.length % PRINT_EVERY === 0) print(formatSample(sample));
      samples.push(sample);
    }
    await systemClock.sleep(SAMPLE_MS, until).catch(() => {});
  }
  return [judgeGrowth(samples, "residentMb"), judgeGrowth(samples, "openFiles")].flat();
}

function judgeGrowth(samples: readonly Sample[], what: keyof typeof MAX_GROWTH): string[] {
  const quarter = Math.floor(samples.length / 4);
  if (quarter === 0) return ["The run was too short to judge its growth"];
  const before = median(samples.slice(quarter, 2 * quarter).map((sample) => sample[what]));
  const after = median(samples.slice(-quarter).map((sample) => sample[what]));
  if (after - before <= MAX_GROWTH[what]) return [];
  return [`${what} grew from ${before} in the second quarter to ${after} in the last one`];
}

async function takeSample(pid: number, startMs: number): Promise<Sample | undefined> {
  const [memory, files] = await Promise.all([
    readOutput("ps", ["-o", "rss=", "-p", String(pid)]),
    readOutput("ls", [`/proc/${pid}/fd`]),
  ]);
  if (memory.length === 0 || files.length === 0) return undefined;
  return {
    seconds: Math.round((performance.now() - startMs) / 1000),
    residentMb: Math.round(Number(memory[0]) / 1024),
    openFiles: files.length,
  };
}

async function readOutput(command: string, args: readonly string[]): Promise<readonly string[]> {
  await using process = new TestProcess({ command, args });
  await process.exit;
  return process.stdout;
}

function formatSample({ openFiles, residentMb, seconds }: Sample): string {
  return `${String(seconds).padStart(6)} s ${String(residentMb).padStart(7)} MB ${
    String(openFiles).padStart(12)
  }`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
