/** Watches what a process uses. Deno itself may not read /proc, so a shell does. */
import { TestProcess } from "../support/process.ts";

/** Ticks of the kernel's clock of CPU time in a second (USER_HZ of every Linux in use). */
const TICKS_PER_SECOND = 100;
const SAMPLE = 'cat "/proc/$1/stat" && grep -E "VmHWM|VmRSS" "/proc/$1/status"';

/** What a process had used at a moment. */
export interface Usage {
  /** CPU seconds of all its threads since its start, in steps of 10 ms. */
  readonly cpuSeconds: number;
  readonly rssMegabytes: number;
  /** Most memory that it ever had resident. */
  readonly peakRssMegabytes: number;
}

/** Samples a process ten times a second until it ends. */
export class Meter implements AsyncDisposable {
  readonly #sampler: TestProcess;

  constructor(pid: number) {
    this.#sampler = new TestProcess({
      command: "sh",
      args: ["-c", `while ${SAMPLE}; do sleep 0.1; done 2>/dev/null`, "meter", `${pid}`],
    });
  }

  /** Takes one sample, where many would disturb what is measured. */
  static async sample(pid: number): Promise<Usage> {
    const { stdout } = await new Deno.Command("sh", { args: ["-c", SAMPLE, "meter", `${pid}`] })
      .output();
    return parseUsage(new TextDecoder().decode(stdout).split("\n"));
  }

  /** The latest sample. @throws before the first one. */
  get usage(): Usage {
    return parseUsage(this.#sampler.stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sampler[Symbol.asyncDispose]();
  }
}

function parseUsage(lines: readonly string[]): Usage {
  return {
    cpuSeconds: parseCpuTicks(findLast(lines, /^\d+ \(/)) / TICKS_PER_SECOND,
    rssMegabytes: parseKilobytes(findLast(lines, /^VmRSS/)) / 1024,
    peakRssMegabytes: parseKilobytes(findLast(lines, /^VmHWM/)) / 1024,
  };
}

function findLast(lines: readonly string[], pattern: RegExp): string {
  const line = lines.findLast((line) => pattern.test(line));
  if (line === undefined) throw new Error(`No sample of the process like ${pattern} was taken`);
  return line;
}

/** utime and stime: fields 14 and 15 of proc(5), counted behind the name, which may hold spaces. */
function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function parseKilobytes(line: string): number {
  return Number(/\d+/.exec(line)?.[0]);
}
