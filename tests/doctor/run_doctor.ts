import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";

/** A check as `doctor --json` prints it. */
export interface PrintedCheck {
  readonly name: string;
  readonly subject: string;
  readonly status: "ok" | "warning" | "failed" | "skipped";
  readonly finding: string;
  readonly advice?: string;
  readonly details?: readonly string[];
}

/** What a run of `doctor` brought. */
export interface DoctorRun {
  readonly code: number;
  readonly checks: readonly PrintedCheck[];
  /** Everything that was printed. */
  readonly output: string;
  /** The check of a name. */
  check(name: string): PrintedCheck;
}

const FROM_SOURCE = fileURLToPath(new URL("../../scripts/run", import.meta.url));

/** Longest time that doctor may take. */
const LIMIT_MS = 35_000;

/** Runs `doctor --json` with a settings file and more flags. */
export async function runDoctorJson(
  config: string,
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<DoctorRun> {
  await using program = startProgram({
    args: ["doctor", "--config", config, "--json", ...flags],
    env,
  });
  return await readRun(program);
}

/** The same where `folder` is a mount of its own: full, or read-only. */
export async function runDoctorOnMount(
  config: string,
  mount: { readonly folder: string; readonly options: string },
): Promise<DoctorRun> {
  const script = 'mount -t tmpfs -o "$0" tmpfs "$1" && shift && exec "$@"';
  const program = Deno.env.get("PROGRAM") ?? FROM_SOURCE;
  await using process = new TestProcess({
    command: "unshare",
    args: [
      ...["--user", "--map-root-user", "--mount", "sh", "-c", script, mount.options, mount.folder],
      ...[program, "doctor", "--config", config, "--json"],
    ],
  });
  return await readRun(process);
}

/** Whether a test may make mounts of its own here. */
export function canMount(): boolean {
  try {
    return new Deno.Command("unshare", {
      args: ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch {
    return false;
  }
}

async function readRun(program: TestProcess): Promise<DoctorRun> {
  const { code } = await program.waitForExit(LIMIT_MS);
  const output = [...program.stdout, ...program.stderr].join("\n");
  assert.deepEqual(program.stderr, [], "nothing but JSON is printed");
  const { checks, exitCode } = JSON.parse(program.stdout.join("\n"));
  assert.equal(exitCode, code);
  return {
    code,
    checks,
    output,
    check(name) {
      const found = checks.find((check: PrintedCheck) => check.name === name);
      assert.ok(found, `check ${name} in ${output}`);
      return found;
    },
  };
}
