import type { TestProcess } from "../../support/process.ts";
import { startProgram } from "../../support/program.ts";

/** How a replica is run. */
export interface ReplicaHandlerOptions {
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where it answers probes, on 127.0.0.1. */
  readonly diagnosticsPort: number;
}

/** What a log says of a replica that has lost its lease. */
const LOST = /The lease of this replica is lost/;
const ROLE = /(Leading|Following|The lease of this replica is lost)/;
const STOP_MS = 10_000;
const PROBE_MS = 3000;

/** One replica as a service manager runs it. */
export class ReplicaHandler implements AsyncDisposable {
  readonly violations: string[] = [];
  readonly #options: ReplicaHandlerOptions;
  readonly #runs: TestProcess[] = [];
  #process: TestProcess | undefined;

  constructor(options: ReplicaHandlerOptions) {
    this.#options = options;
  }

  get output(): string[] {
    return this.#runs.flatMap(({ stderr }) => stderr);
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Whether its last word was that it leads. */
  get leads(): boolean {
    return this.#lastRole()?.includes("Leading") ?? false;
  }

  /** Whether it knows what it is among the others. */
  get isSettled(): boolean {
    const role = this.#lastRole();
    return role !== undefined && !LOST.test(role);
  }

  /** How often it has lost its lease. */
  get losses(): number {
    return this.output.filter((line) => LOST.test(line)).length;
  }

  /** Why its probe says that it is not ready; undefined when it is. */
  async findUnreadiness(): Promise<string | undefined> {
    const url = `http://127.0.0.1:${this.#options.diagnosticsPort}/readyz?verbose`;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS) });
      const lines = (await response.text()).split("\n");
      if (response.ok) return undefined;
      return lines.filter((line) => line.startsWith("[-]")).join("; ");
    } catch (error) {
      return String(error);
    }
  }

  start(): void {
    if (this.#process !== undefined) return;
    const process = startProgram({
      args: ["start", "--config", this.#options.config],
      env: {
        ...this.#options.env,
        FDFWD_DIAGNOSTICS_ADDR: `127.0.0.1:${this.#options.diagnosticsPort}`,
      },
      withoutCoverage: true,
    });
    this.#runs.push(process);
    this.#process = process;
    process.exit.then(({ code }) => {
      if (this.#process !== process) return;
      this.violations.push(`It ended by itself with ${code}: ${process.stderr.at(-1)}`);
      this.#process = undefined;
    });
  }

  async kill(): Promise<void> {
    const process = this.#release();
    if (process === undefined) return;
    process.kill("SIGKILL");
    await process.exit;
  }

  /** SIGTERM; resolves when it has ended, with 0 and in time. */
  async terminate(patience: number): Promise<void> {
    const process = this.#release();
    if (process === undefined) return;
    const hadStarted = process.stderr.some((line) => ROLE.test(line));
    process.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.violations.push(`SIGTERM did not end it in ${STOP_MS} ms`);
      process.kill("SIGKILL");
    }, STOP_MS * patience);
    const { code } = await process.exit;
    clearTimeout(timer);
    if (hadStarted && code !== 0) this.violations.push(`SIGTERM ended it with ${code}`);
  }

  /** Stands still until it is woken. */
  sleep(): void {
    this.#process?.kill("SIGSTOP");
  }

  wake(): void {
    this.#process?.kill("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #lastRole(): string | undefined {
    return this.#process?.stderr.findLast((line) => ROLE.test(line));
  }

  #release(): TestProcess | undefined {
    const process = this.#process;
    this.#process = undefined;
    process?.kill("SIGCONT");
    return process;
  }
}
