import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { PROCESS_ENVIRONMENT_NAMES } from "../../src/cli/process_environment.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SCRIPT = await Deno.readTextFile(`${ROOT}scripts/permissions`);
const OPTIONS = /permissions="([^"]*)"/.exec(SCRIPT)![1]!.trim().split(/\s+/);
const VARIABLES = OPTIONS.find((option) => option.startsWith("--allow-env="))!
  .replace("--allow-env=", "").split(",");

/** Read by packages, which look for colours and for types that they may use. */
const READ_BY_PACKAGES = ["FORCE_COLOR", "CLICOLOR_FORCE", "BUF_BIGINT_DISABLE"];

function covers(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

Deno.test("scripts/permissions lets the program see the variables that it reads, and no others", () => {
  const names = [...PROCESS_ENVIRONMENT_NAMES, ...READ_BY_PACKAGES];
  const missing = names.filter((name) => !VARIABLES.some((pattern) => covers(pattern, name)));
  assert.deepEqual(missing, [], "scripts/permissions must name them");
  const unused = VARIABLES.filter((pattern) => !names.some((name) => covers(pattern, name)));
  assert.deepEqual(unused, [], "scripts/permissions names what nobody reads");
});

Deno.test("scripts/permissions gives network, files and named variables, and nothing else", () => {
  const given = OPTIONS.map((option) => option.replace(/=.*/, ""));
  assert.deepEqual(given, [
    "--no-prompt",
    "--deny-import",
    "--allow-net",
    "--allow-read",
    "--allow-write",
    "--allow-env",
  ]);
});

Deno.test("Every variable that src reads is one that main.ts hands over", async () => {
  const read = new Set<string>();
  for await (const { path, text } of sources(`${ROOT}src`)) {
    if (path.endsWith("process_environment.ts")) continue;
    assert.doesNotMatch(text, /Deno\.env|process\.env/, `${path} asks for the environment itself`);
    for (const [, name] of text.matchAll(/\benv(?:ironment)?\["([A-Z0-9_]+)"\]/g)) read.add(name!);
  }
  assert.ok(read.has("NO_COLOR"), "the search finds nothing");
  const missing = [...read].filter((name) => !PROCESS_ENVIRONMENT_NAMES.includes(name));
  assert.deepEqual(missing, [], "src/cli/process_environment.ts must name them");
});

async function* sources(folder: string): AsyncGenerator<{ path: string; text: string }> {
  for await (const { isDirectory, name } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts")) yield { path, text: await Deno.readTextFile(path) };
  }
}
