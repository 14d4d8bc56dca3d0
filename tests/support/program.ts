/** Runs the program itself as a process: from source, or the executable that `PROGRAM` names. */
import { fileURLToPath } from "node:url";
import { TestProcess } from "./process.ts";

/** What the program is allowed to do; nothing else, and it is never asked at the terminal. */
export const PROGRAM_PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
];

/** How to start the program. */
export interface ProgramOptions {
  /** Command line, such as `["start", "--config", path]`. */
  readonly args: readonly string[];
  /** The program sees these, and of our own environment only what a runtime needs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** What the runtime needs of our environment: where its cache is, whom to trust, coverage. */
const INHERITED = [
  "PATH",
  "HOME",
  "TMPDIR",
  "DENO_DIR",
  "DENO_TLS_CA_STORE",
  "DENO_NO_UPDATE_CHECK",
  "DENO_COVERAGE_DIR",
  "XDG_CACHE_HOME",
];

/** Starts the program. It is killed when the result is disposed of and it still runs. */
export function startProgram(options: ProgramOptions): TestProcess {
  const env: Record<string, string> = { NO_COLOR: "1" };
  for (const name of INHERITED) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  const executable = Deno.env.get("PROGRAM");
  const root = new URL("../../", import.meta.url);
  return new TestProcess({
    command: executable ?? Deno.execPath(),
    args: executable === undefined
      ? [
        "run",
        "--quiet",
        "--cached-only",
        `--config=${fileURLToPath(new URL("deno.json", root))}`,
        ...PROGRAM_PERMISSIONS,
        fileURLToPath(new URL("main.ts", root)),
        ...options.args,
      ]
      : options.args,
    env: { ...env, ...options.env },
    clearEnv: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}
