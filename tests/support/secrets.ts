/**
 * What no program may print: private keys in PEM, whole or in part, and the secrets that it was given.
 */

/** The head of a private key, and the beginnings that the base64 of each kind of key has. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]*PRIVATE KEY|M(?:I[GH][\w+/]AgE[AB][MB]|II[\w+/]{3}IB(?:ADAN|AAKC)|C4CAQAw|HcCAQEE)/;
/** What stands for a secret in tests. */
const MARKERS: readonly string[] = ["SECRET-MARKER", "hunter2"];

/** Says what secret a text holds, without repeating it; undefined when it holds none. */
export function findSecret(text: string, secrets: readonly string[] = []): string | undefined {
  if (PRIVATE_KEY.test(text)) return "a private key";
  const index = [...MARKERS, ...secrets].findIndex((secret) => text.includes(secret));
  return index === -1 ? undefined : "a secret that it was given";
}
