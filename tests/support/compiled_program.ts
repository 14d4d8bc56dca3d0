/** The program as an executable: made once for a test file, and run with nothing around it. */
import { fileURLToPath } from "node:url";
import { executableName, TARGETS } from "../../scripts/release/targets.ts";
import { TestProcess } from "./process.ts";

const COMPILE = fileURLToPath(new URL("../../scripts/compile", import.meta.url));

/** What `scripts/compile` made of this source for this machine. */
export interface CompiledProgram {
  /** Path of the executable. */
  readonly path: string;
  /** The folder that it is in, with what else was made. */
  readonly folder: string;
}

/** Runs `scripts/compile` in a folder. What it makes is to be removed by whoever asked. */
export async function compileProgram(folder: string, cwd?: string): Promise<CompiledProgram> {
  const { code, stderr } = await new Deno.Command(COMPILE, {
    args: ["--out-dir", folder],
    env: { SOURCE_DATE_EPOCH: "1767225600" },
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  if (code !== 0) throw new Error(`Cannot compile: ${new TextDecoder().decode(stderr)}`);
  const target = TARGETS.find(({ triple }) => triple === Deno.build.target)!;
  return { folder, path: `${folder}/${executableName(target)}` };
}

/** How to confine a program. */
export interface Confinement {
  readonly program: string;
  readonly args: readonly string[];
  /** The only folder that it can write to. */
  readonly writable: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** File for what it asks of the system: files that it opens, addresses that it connects to. */
  readonly trace: string;
}

/**
 * Whoever runs a confined program: one without rights where we are root, else ourselves. Root is
 * needed to confine; `sudo` gives it to continuous integration.
 */
export const CONFINED_USER = Deno.uid() === 0 ? 65534 : Deno.uid();

/** Why nothing can be confined here; undefined where it can. */
export async function findConfinementObstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "not Linux";
  for (const [command, ...args] of [[...AS_ROOT, "true"], ["strace", "--version"]]) {
    const runs = await new Deno.Command(command!, { args }).output()
      .then(({ success }) => success, () => false);
    if (!runs) return `'${command}' does not work`;
  }
  return undefined;
}

const AS_ROOT = Deno.uid() === 0 ? [] : ["sudo", "-n"];

/** A file system that nobody can write to but for one folder, a user without rights, no variables. */
const CONFINE = `
writable=$1 user=$2; shift 2
mount --make-rprivate /
mount --bind "$writable" "$writable"
for place in / /tmp /dev/shm /run; do
  ! mountpoint -q "$place" || mount -o remount,bind,ro "$place"
done
exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs "$@"
`;

/** Starts a program that sees nothing but what it is given (Linux, as root or with sudo). */
export function startConfined(confinement: Confinement): TestProcess {
  const { args, cwd, env, program, trace, writable } = confinement;
  const [command = "", ...rest] = [
    ...AS_ROOT,
    ...["strace", "--follow-forks", "--seccomp-bpf", "-qq", "-s", "4096"],
    ...["-e", "trace=execve,open,openat,creat,connect,mkdir,unlink,rename", "-o", trace],
    ...["unshare", "--mount", "sh", "-euc", CONFINE, "confine", writable, String(CONFINED_USER)],
    ...["env", "-i", ...Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`)],
    program,
    ...args,
  ];
  return new TestProcess({ command, args: rest, cwd, secrets: [] });
}

/** What a confined program asked of the system, once it was running. */
export interface SystemCalls {
  /** Addresses other than those of sockets in the file system, as `host:port`. */
  readonly connectedTo: ReadonlySet<string>;
  /** Files that it opened, or tried to open, for writing. */
  readonly wroteTo: ReadonlySet<string>;
  /** Other programs that it started. */
  readonly started: readonly string[];
}

/** Reads what `startConfined` wrote down. */
export async function readSystemCalls({ program, trace }: Confinement): Promise<SystemCalls> {
  const lines = (await Deno.readTextFile(trace)).split("\n");
  const start = lines.findIndex((line) => line.includes(`execve("${program}"`));
  if (start < 0) throw new Error(`The program was never started:\n${lines.join("\n")}`);
  const connectedTo = new Set<string>();
  const wroteTo = new Set<string>();
  const started: string[] = [];
  for (const line of lines.slice(start + 1)) {
    const [, address] = /sa_family=AF_INET6?,.*?"([^"]+)"/.exec(line) ?? [];
    const [, port] = /sin6?_port=htons\((\d+)\)/.exec(line) ?? [];
    if (address !== undefined) connectedTo.add(`${address}:${port}`);
    const [, path] = /\bopen(?:at)?\([^"]*"([^"]*)", [^)]*(?:O_WRONLY|O_RDWR|O_CREAT)/.exec(line) ??
      /\b(?:creat|mkdir|unlink|rename)\("([^"]*)"/.exec(line) ?? [];
    if (path !== undefined) wroteTo.add(path);
    if (line.includes("execve(")) started.push(line);
  }
  return { connectedTo, started, wroteTo };
}
