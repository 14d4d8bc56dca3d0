import { systemClock } from "../../src/core/clock.ts";
import { within } from "../support/bell.ts";
import type { ProcessExit, TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";

/** A moment at which the handler was stopped, on the monotonic clock. */
export interface Break {
  readonly atMs: number;
  /** Killed, or stopped in good order. */
  readonly kind: "kill" | "terminate";
}

/** What the program may end of: the disk of its state fails, or its identity has expired. */
export type Trouble = "disk" | "credentials";

/** How the handler is run. */
export interface HandlerOptions {
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Longest way out of a handler that was asked to stop: five seconds for Fluentd, and some. */
const STOP_MS = 8000;
const RESTART_MS = 200;
/** Said when the state is open and signals are listened for. */
const OPENED = /Resuming|Starting/;

/**
 * The program as a service manager runs it: started again when it ends by itself, which it may do
 * while the disk of its state fails or its identity has expired, and never else.
 */
export class Handler implements AsyncDisposable {
  readonly breaks: Break[] = [];
  /** What it did that it may not do. */
  readonly violations: string[] = [];
  readonly #options: HandlerOptions;
  readonly #runs: TestProcess[] = [];
  #process: TestProcess | undefined;
  readonly #troubles = { disk: 0, credentials: 0 };
  #watching: Promise<void> = Promise.resolve();

  constructor(options: HandlerOptions) {
    this.#options = options;
  }

  /** All lines of all runs. */
  get output(): string[] {
    return this.#runs.flatMap(({ stderr, stdout }) => [...stdout, ...stderr]);
  }

  /** How often it was started. */
  get starts(): number {
    return this.#runs.length;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Says that the program may end by itself, with the exit code of this trouble, until it is over. */
  beginTrouble(trouble: Trouble): void {
    this.#troubles[trouble]++;
  }

  /** The other end of `beginTrouble`. */
  endTrouble(trouble: Trouble): void {
    this.#troubles[trouble]--;
  }

  /** Starts it and keeps it going. */
  start(): void {
    if (this.#process !== undefined) return;
    const process = startProgram({
      args: ["start", "--config", this.#options.config],
      env: this.#options.env,
      withoutCoverage: true,
    });
    this.#runs.push(process);
    this.#process = process;
    this.#watching = this.#watch(process);
  }

  /** Resolves when the present run has printed such a line. */
  async waitForLine(pattern: RegExp): Promise<void> {
    await this.#process?.waitForLine(pattern).catch((error) => {
      this.violations.push(String(error).split("\n", 1)[0]!);
    });
  }

  /** Resolves when the present run has opened its state, or has ended before that. */
  async untilOpened(): Promise<void> {
    await this.#process?.waitForLine(OPENED).catch(() => {});
  }

  /** kill -9, at once. */
  async kill(): Promise<void> {
    const process = this.#release();
    process?.kill("SIGKILL");
    await process?.exit;
    this.breaks.push({ atMs: performance.now(), kind: "kill" });
    await this.#watching;
  }

  /** SIGTERM; it must end with 0, in time, and say so last. */
  async terminate(): Promise<void> {
    const process = this.#release();
    if (process === undefined) return;
    const wasListening = process.stderr.some((line) => OPENED.test(line));
    process.kill("SIGTERM");
    let exit: ProcessExit;
    try {
      exit = await within(process.exit, { what: () => "the end", timeoutMs: STOP_MS });
    } catch {
      this.violations.push(`SIGTERM did not end it within ${STOP_MS} ms`);
      process.kill("SIGKILL");
      await process.exit;
      this.breaks.push({ atMs: performance.now(), kind: "kill" });
      return;
    }
    this.breaks.push({ atMs: performance.now(), kind: "terminate" });
    await this.#watching;
    const isEarly = !wasListening && exit.signal === "SIGTERM";
    if (isEarly || !wasListening && this.#mayEndWith(exit.code)) return;
    const last = process.stderr.at(-1) ?? "";
    if (exit.code !== 0) this.violations.push(`SIGTERM: it ended with ${exit.code}: ${last}`);
    else if (wasListening && !/Stopped/.test(last)) {
      this.violations.push(`SIGTERM: the last line is '${last}'`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const process = this.#release();
    process?.kill("SIGKILL");
    await process?.exit;
    await this.#watching;
  }

  #mayEndWith(code: number): boolean {
    return code === 1 && this.#troubles.disk > 0 || code === 78 && this.#troubles.credentials > 0;
  }

  #release(): TestProcess | undefined {
    const process = this.#process;
    this.#process = undefined;
    return process;
  }

  async #watch(process: TestProcess): Promise<void> {
    const exit = await process.exit;
    if (this.#process !== process) return;
    this.breaks.push({ atMs: performance.now(), kind: "kill" });
    const last = process.stderr.slice(-3).join(" | ");
    if (!this.#mayEndWith(exit.code)) {
      this.violations.push(`It ended by itself with ${exit.code}: ${last}`);
    }
    await systemClock.sleep(RESTART_MS);
    if (this.#process !== process) return;
    this.#process = undefined;
    this.start();
  }
}
