/** A child process whose output is read line by line, for tests that start one. */
import { Bell, within } from "./bell.ts";
import { findSecret } from "./secrets.ts";

/** What to start. */
export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Whether the child sees none of our environment but `env`. @default {false} */
  readonly clearEnv?: boolean;
  readonly cwd?: string;
  /**
   * What it was given to keep to itself. When this is set, empty or not, a process that prints one of
   * these, or any private key, fails `exit` (see secrets.ts).
   */
  readonly secrets?: readonly string[];
}

/** How a process ended. */
export interface ProcessExit {
  readonly code: number;
  readonly signal: Deno.Signal | null;
}

/** Which of the two outputs a line came from. */
export type OutputName = "stdout" | "stderr";

/** A running child process. Disposing kills it if it still runs. */
export class TestProcess implements AsyncDisposable {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Resolves when the process has ended and its output is read to the end. */
  readonly exit: Promise<ProcessExit>;
  readonly #options: ProcessOptions;
  readonly #child: Deno.ChildProcess;
  readonly #bell = new Bell();
  #exited: ProcessExit | undefined;

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#child = new Deno.Command(options.command, {
      args: [...options.args],
      env: { ...options.env },
      clearEnv: options.clearEnv ?? false,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.exit = this.#run();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get exited(): ProcessExit | undefined {
    return this.#exited;
  }

  /** Sends a signal. Nothing happens when the process has ended. */
  kill(signal: Deno.Signal = "SIGTERM"): void {
    if (this.#exited !== undefined) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended and its exit is on the way to us.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Resolves with the first line that matches; rejects when the process ends without one. */
  waitForLine(
    pattern: RegExp,
    options: { readonly from?: OutputName; readonly timeoutMs?: number } = {},
  ): Promise<string> {
    const lines = this[options.from ?? "stderr"];
    return this.#bell.waitFor(() => {
      const line = lines.find((line) => pattern.test(line));
      if (line === undefined && this.#exited !== undefined) {
        throw new Error(`Process ended without a line like ${pattern}\n${this.#describe()}`);
      }
      return line;
    }, { what: () => `a line like ${pattern}\n${this.#describe()}`, timeoutMs: options.timeoutMs });
  }

  /** Resolves with how it ended; rejects when it still runs after the time. */
  waitForExit(timeoutMs?: number): Promise<ProcessExit> {
    return within(this.exit, { what: () => `the end of ${this.#describe()}`, timeoutMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exit;
  }

  async #run(): Promise<ProcessExit> {
    const [status] = await Promise.all([
      this.#child.status,
      this.#read(this.#child.stdout, this.stdout),
      this.#read(this.#child.stderr, this.stderr),
    ]);
    this.#exited = { code: status.code, signal: status.signal };
    this.#bell.ring();
    this.#refuseSecrets();
    return this.#exited;
  }

  #refuseSecrets(): void {
    const { secrets } = this.#options;
    if (secrets === undefined) return;
    for (const name of ["stdout", "stderr"] as const) {
      for (const [index, line] of this[name].entries()) {
        const secret = findSecret(line, secrets);
        if (secret !== undefined) {
          throw new Error(`The program printed ${secret} to ${name}, line ${index + 1}`);
        }
      }
    }
  }

  async #read(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream() as never)) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
      this.#bell.ring();
    }
    if (rest !== "") lines.push(rest);
  }

  #describe(): string {
    const tail = (lines: readonly string[]) => lines.slice(-30).join("\n");
    return `${this.#options.command} (pid ${this.pid})\nstdout: ${tail(this.stdout)}\nstderr: ${
      tail(this.stderr)
    }`;
  }
}
