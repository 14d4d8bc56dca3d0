import assert from "node:assert/strict";
import { parseBuildInfo } from "../../src/cli/build_info.ts";
import { formatVersion, formatVersionJson, VERSION } from "../../src/cli/version.ts";
import { startProgram } from "../support/program.ts";

async function run(...args: readonly string[]) {
  await using program = startProgram({ args });
  const { code } = await program.waitForExit();
  return { code, stdout: program.stdout.join("\n"), stderr: program.stderr.join("\n") };
}

Deno.test("formatVersion() has the form of the Go handler, with git only when it is known", () => {
  const { deno } = Deno.version;
  assert.equal(formatVersion({}), `Teleport event handler v${VERSION} deno${deno}`);
  assert.equal(
    formatVersion({ gitRef: "v1.2.3-0-gabc" }),
    `Teleport event handler v${VERSION} git:v1.2.3-0-gabc deno${deno}`,
  );
});

Deno.test("formatVersionJson() says when and from what the program was built", () => {
  const json = JSON.parse(formatVersionJson({ gitRef: "abc", builtAt: "2026-01-01T00:00:00Z" }));
  assert.equal(json.version, VERSION);
  assert.equal(json.gitRef, "abc");
  assert.equal(json.builtAt, "2026-01-01T00:00:00Z");
  assert.equal(json.target, Deno.build.target);
  assert.equal(JSON.parse(formatVersionJson({})).gitRef, null);
});

for (
  const [text, expected] of [
    ['{"gitRef": "v1", "builtAt": "2026-01-01T00:00:00Z", "more": 1}', {
      gitRef: "v1",
      builtAt: "2026-01-01T00:00:00Z",
    }],
    ['{"gitRef": "two words", "builtAt": "soon"}', {}],
    ['{"gitRef": 7}', {}],
    ["null", {}],
  ] as const
) {
  Deno.test(`parseBuildInfo() takes of ${text} what is as it should be`, () => {
    assert.deepEqual(parseBuildInfo(text), expected);
  });
}

for (const args of [["version"], ["--version"], ["-v"], ["--debug", "version"]] as const) {
  Deno.test(`${args.join(" ")} prints the version on standard output`, async () => {
    const { code, stderr, stdout } = await run(...args);
    assert.match(stdout, /^Teleport event handler v\d+\.\d+\.\d+( git:\S+)? deno\d+\.\d+\.\d+$/);
    assert.equal(code, 0);
    assert.equal(stderr, "");
  });
}

Deno.test("version --json prints one JSON object, and an unknown flag is refused", async () => {
  assert.equal(JSON.parse((await run("version", "--json")).stdout).version, VERSION);
  const { code, stderr } = await run("version", "--yaml");
  assert.equal(code, 2);
  assert.match(stderr, /Unknown flag "--yaml" of version\. See version --help/);
});

Deno.test("help and a missing command list all commands", async () => {
  const help = await run("help");
  assert.equal(help.code, 0);
  for (const name of ["configure", "doctor", "start", "version", "completion", "man", "help"]) {
    assert.match(help.stdout, new RegExp(`^  ${name} +[a-z]`, "m"));
  }
  const none = await run();
  assert.equal(none.code, 2);
  assert.equal(none.stderr, help.stdout);
  const unknown = await run("docter");
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /Unknown command 'docter'.*configure, doctor, start/);
});
