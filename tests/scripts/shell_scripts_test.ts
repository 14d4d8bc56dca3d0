import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HAS_SHELLCHECK = await new Deno.Command("shellcheck", { args: ["--version"] }).output()
  .then(() => true, () => false);

Deno.test({
  name: `Shell scripts pass shellcheck${HAS_SHELLCHECK ? "" : " [shellcheck is not installed]"}`,
  ignore: !HAS_SHELLCHECK && Deno.env.get("CI") !== "true",
  async fn() {
    const scripts: string[] = [];
    for (const folder of ["scripts", "scripts/release", ".ci", "deploy/docker"]) {
      for (const name of await listFiles(`${ROOT}${folder}`)) {
        const path = `${ROOT}${folder}/${name}`;
        if (/^#!\/bin\/(ba)?sh\n/.test(await Deno.readTextFile(path))) scripts.push(path);
      }
    }
    assert.ok(scripts.length > 8, "the search finds nothing");
    const { code, stdout } = await new Deno.Command("shellcheck", {
      args: ["--external-sources", "--source-path", ROOT, ...scripts],
      cwd: ROOT,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stdout));
  },
});

async function listFiles(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { isFile, name } of Deno.readDir(folder)) if (isFile) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names;
}
