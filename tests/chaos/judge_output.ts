/** Longer than any word that is printed, shorter than a line of a key. */
const SECRET_LENGTH = 40;
const TRACE = /^\s+at .+:\d+:\d+|panicked|Uncaught/;

/**
 * Judges what the handler said: nothing of a key, and no stack trace.
 *
 * @param secretFiles PEM files whose private keys must not appear.
 */
export async function judgeOutput(
  output: readonly string[],
  secretFiles: readonly string[],
): Promise<string[]> {
  const problems: string[] = [];
  const secrets: string[] = [];
  for (const path of secretFiles) {
    const text = await Deno.readTextFile(path);
    const [, body = ""] = /-----BEGIN [A-Z ]*PRIVATE KEY-----([^-]*)-----END/.exec(text) ?? [];
    secrets.push(...body.split("\n").filter((line) => line.length >= SECRET_LENGTH));
  }
  if (secrets.some((secret) => output.some((line) => line.includes(secret)))) {
    problems.push("A private key was printed");
  }
  const trace = output.find((line) => TRACE.test(line));
  if (trace !== undefined) problems.push(`A stack trace was printed: ${trace}`);
  return problems;
}
