/** Runs the program itself as a process: from source, or the executable that `PROGRAM` names. */
import { fileURLToPath } from "node:url";
import { TestProcess } from "./process.ts";

/** Starts the program from source, with the permissions that it has everywhere. */
const FROM_SOURCE = fileURLToPath(new URL("../../scripts/run", import.meta.url));

/** How to start the program. */
export interface ProgramOptions {
  /** Command line, such as `["start", "--config", path]`. */
  readonly args: readonly string[];
  /** The program sees these, and of our own environment only what a runtime needs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What new files are kept from, such as `000`. @default {ours} */
  readonly umask?: string;
  /** Whether the run adds nothing to the coverage, which costs memory. @default {false} */
  readonly withoutCoverage?: boolean;
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
  if (options.withoutCoverage === true) delete env["DENO_COVERAGE_DIR"];
  const passphrase = options.env?.["FDFWD_FLUENTD_KEY_PASSPHRASE"] ?? "";
  return new TestProcess({
    ...underUmask(options.umask, Deno.env.get("PROGRAM") ?? FROM_SOURCE, options.args),
    secrets: passphrase === "" ? [] : [passphrase],
    env: { ...env, ...options.env },
    clearEnv: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
}

function underUmask(umask: string | undefined, command: string, args: readonly string[]) {
  if (umask === undefined) return { command, args };
  return { command: "sh", args: ["-c", `umask ${umask}; exec "$0" "$@"`, command, ...args] };
}
