/** What makes a release went wrong in a way that a person can do something about. */
export class ReleaseError extends Error {
  override readonly name = "ReleaseError";
}

/** Runs a program to its end and gives what it wrote. @throws {ReleaseError} with its own words. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const { code, stderr, stdout } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...options.env }, clearEnv: true }),
  }).output();
  const text = new TextDecoder();
  if (code !== 0) {
    // A trace of the compiler's own says nothing to anybody.
    const words = text.decode(stderr).replace(/\n*Stack backtrace:[^]*/, "").trim();
    throw new ReleaseError(`Command '${command} ${args[0] ?? ""}' ended with ${code}: ${words}`);
  }
  return text.decode(stdout);
}
