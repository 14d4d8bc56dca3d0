/** Runs `configure` as a process, with something or nothing on its standard input. */
import { fileURLToPath } from "node:url";

/** How it ended and what it said. */
export interface ConfigureRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program: the executable that `PROGRAM` names, else from source. */
export const PROGRAM: string = Deno.env.get("PROGRAM") ??
  fileURLToPath(new URL("../../scripts/run", import.meta.url));

/** Runs `configure` with arguments; without `stdin` there is none. */
export async function runConfigureProgram(
  args: readonly string[],
  options: { readonly cwd: string; readonly stdin?: string | Uint8Array<ArrayBuffer> },
): Promise<ConfigureRun> {
  const child = new Deno.Command(PROGRAM, {
    args: ["configure", ...args],
    cwd: options.cwd,
    env: { NO_COLOR: "1" },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    const { stdin } = options;
    // The program may have ended before it read anything.
    await writer.write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin)
      .then(() => writer.close()).catch(() => {});
  }
  const { code, stderr, stdout } = await child.output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
