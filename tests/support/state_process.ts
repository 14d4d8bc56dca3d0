import { fileURLToPath } from "node:url";
import { TestProcess } from "./process.ts";

const CHILD = fileURLToPath(new URL("state_child.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));

/** How to start the process of `state_child.ts`. */
export interface StateProcessOptions {
  readonly command: "commit" | "grow" | "reject" | "lock";
  /** The state file or the folder. */
  readonly path: string;
  /** Largest file that the process may write, in KiB: a full disk, as far as it can tell. */
  readonly maxFileKiB?: number;
  /** A folder for the runtime's cache: where it is given, root becomes nobody for the process. */
  readonly nobodyCache?: string;
}

/** Root may write everywhere; with this, what it starts may not. */
const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Starts a process that uses the state of a folder. */
export function startStateProcess(options: StateProcessOptions): TestProcess {
  const { command, path, maxFileKiB, nobodyCache } = options;
  const asNobody = nobodyCache !== undefined && Deno.uid() === 0 ? AS_NOBODY : [];
  // Beyond the limit the system sends SIGXFSZ, which is ignored here so that writing fails instead.
  // The unit of ulimit is 512 bytes in a POSIX shell.
  const limit = maxFileKiB === undefined ? "" : `trap '' XFSZ; ulimit -f ${maxFileKiB * 2};`;
  return new TestProcess({
    command: "sh",
    args: [
      ...["-c", `${limit} exec "$@"`, "sh", ...asNobody],
      ...[Deno.execPath(), "run", "--quiet", "--no-prompt"],
      ...[`--config=${CONFIG}`, "--cached-only", "--allow-read", "--allow-write", CHILD],
      ...[command, path],
    ],
    ...(nobodyCache === undefined
      ? {}
      : { env: { PATH: Deno.env.get("PATH") ?? "", DENO_DIR: nobodyCache }, clearEnv: true }),
  });
}
