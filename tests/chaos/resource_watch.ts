import { systemClock } from "../../src/core/clock.ts";
import { TestProcess } from "../support/process.ts";
import type { Observer } from "./run_seed.ts";
import type { World } from "./world.ts";

/** What must not grow, and what the last quarter of a run may have more of than the second one. */
const MAX_GROWTH = { residentMb: 20, openFiles: 6, lagEvents: 50 };

/** What is measured. */
type Measure = keyof typeof MAX_GROWTH;

const SAMPLE_MS = 5000;
/** To count what has not arrived takes time, in which the receiver cannot answer. */
const LAG_MS = 30_000;
const PRINT_EVERY = 6;

/** Samples memory, open files and lag of the handler, and judges that they do not grow. */
export class ResourceWatch implements Observer {
  readonly #print: (line: string) => void;
  readonly #samples: Record<Measure, number[]> = { residentMb: [], openFiles: [], lagEvents: [] };
  #lagAtMs = -Infinity;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  async watch(world: World, until: AbortSignal): Promise<void> {
    const { lagEvents, openFiles, residentMb } = this.#samples;
    const startMs = performance.now();
    this.#print("    time    memory  open files  lag after a rest");
    for (let count = 0; !until.aborted; count++) {
      const { pid } = world.handler;
      if (pid !== undefined) await this.#sample(pid);
      if (count % PRINT_EVERY === 0 && residentMb.length > 0) {
        const seconds = `${Math.round((performance.now() - startMs) / 1000)} s`;
        this.#print(formatRow(seconds, [residentMb.at(-1), openFiles.at(-1), lagEvents.at(-1)]));
      }
      await systemClock.sleep(SAMPLE_MS, until).catch(() => {});
    }
  }

  async noteRest(countLag: () => Promise<number>): Promise<void> {
    if (performance.now() < this.#lagAtMs + LAG_MS) return;
    this.#samples.lagEvents.push(await countLag());
    this.#lagAtMs = performance.now();
  }

  judge(): string[] {
    for (let quarter = 1; quarter <= 4; quarter++) {
      const rows = Object.values(this.#samples).map((samples) => takeQuarter(samples, quarter));
      this.#print(formatRow(`median ${quarter}/4`, rows.map(median)));
      this.#print(formatRow(`most ${quarter}/4`, rows.map((values) => Math.max(...values))));
    }
    return (Object.keys(MAX_GROWTH) as Measure[]).flatMap((what) => {
      const [before, after] = [2, 4].map((quarter) =>
        median(takeQuarter(this.#samples[what], quarter))
      );
      if (before === undefined || after === undefined) {
        return [`The run was too short to judge the growth of ${what}`];
      }
      if (after - before <= MAX_GROWTH[what]) return [];
      return [`${what} grew from ${before} in the second quarter to ${after} in the last one`];
    });
  }

  async #sample(pid: number): Promise<void> {
    const [memory, files] = await Promise.all([
      readOutput("ps", ["-o", "rss=", "-p", String(pid)]),
      readOutput("ls", [`/proc/${pid}/fd`]),
    ]);
    if (memory.length === 0 || files.length === 0) return;
    this.#samples.residentMb.push(Math.round(Number(memory[0]) / 1024));
    this.#samples.openFiles.push(files.length);
  }
}

async function readOutput(command: string, args: readonly string[]): Promise<readonly string[]> {
  await using process = new TestProcess({ command, args });
  await process.exit;
  return process.stdout;
}

function formatRow(head: string, [memory, files, lag]: readonly (number | undefined)[]): string {
  return `${head.padStart(10)}${`${memory} MB`.padStart(10)}${String(files).padStart(10)}${
    `${lag ?? "?"} events`.padStart(16)
  }`;
}

/** The samples of a quarter of the run; none when there are fewer than four in all. */
function takeQuarter(samples: readonly number[], quarter: number): readonly number[] {
  const length = Math.floor(samples.length / 4);
  return samples.slice((quarter - 1) * length, quarter * length);
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
