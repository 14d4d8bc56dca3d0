import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { temporaryFolder } from "../support/temporary_folder.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHANGELOG = `# Changelog

## [Unreleased]

## [1.2.3] - 2026-01-31

### Added

- A thing ([why](docs/why.md)).

## [1.2.2] - 2026-01-01

- Old things.

[1.2.3]: https://example.com/
`;

/** A project that can be released, but for `files` and what `script` does to it before the check. */
async function check(
  { args = ["v1.2.3"], files = {}, script = "" }: {
    readonly args?: readonly string[];
    readonly files?: Readonly<Record<string, string>>;
    readonly script?: string;
  } = {},
) {
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.join("scripts"));
  const all = {
    "deno.json": '{\n  "version": "1.2.3",\n  "lock": { "frozen": true }\n}\n',
    "deno.lock": '{ "version": "5" }\n',
    "CHANGELOG.md": CHANGELOG,
    "README.md": "https://github.com/somebody/teleport-event-handler\n",
    "scripts/denow": `#!/bin/sh\nexec "${ROOT}scripts/denow" "$@"\n`,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    await Deno.writeTextFile(folder.join(name), text, { mode: 0o755 });
  }
  await Deno.copyFile(`${ROOT}scripts/release-check`, folder.join("scripts/release-check"));
  const { code, stderr, stdout } = await new Deno.Command("sh", {
    args: [
      "-euc",
      `git init --quiet . && git add . &&
        git -c user.name=x -c user.email=x@example.com commit --quiet --message=all
        ${script}
        exec scripts/release-check "$@"`,
      "sh",
      ...args,
    ],
    cwd: folder.path,
    env: { GIT_CONFIG_GLOBAL: "/dev/null" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

Deno.test("scripts/release-check lets a release pass whose version, tag and changelog agree", async () => {
  for (const args of [["v1.2.3"], []]) {
    assert.deepEqual(await check({ args }), {
      code: 0,
      stdout: "v1.2.3 can be released\n",
      stderr: "",
    });
  }
});

for (
  const [what, project, expected] of [
    ["another tag", { args: ["v1.2.4"] }, /the tag is 'v1\.2\.4', .* makes it 'v1\.2\.3'/],
    ["a newest heading of another version", {
      files: { "CHANGELOG.md": CHANGELOG.replace("[1.2.3] -", "[1.2.4] -") },
    }, /newest heading of CHANGELOG\.md is '1\.2\.4', the version of deno\.json '1\.2\.3'/],
    ["a heading without a date", {
      files: { "CHANGELOG.md": CHANGELOG.replace(" - 2026-01-31", "") },
    }, /no heading '## \[1\.2\.3\] - YYYY-MM-DD'/],
    ["entries that are unreleased", {
      files: { "CHANGELOG.md": CHANGELOG.replace("[Unreleased]", "[Unreleased]\n\n- News.") },
    }, /still has entries under 'Unreleased'/],
    ["a version that is none", {
      files: { "deno.json": '{\n  "version": "next",\n  "license": "x"\n}\n' },
    }, /version 'next', which is not like 1\.2\.3/],
    ["a changed file", { script: "echo >> README.md" }, /tree is not clean:\n M README\.md/],
    ["a new file", { script: "touch new" }, /tree is not clean:\n\?\? new/],
    ["an address that nobody has set", {
      files: { "README.md": "https://github.com/OWNER/teleport-event-handler\n" },
    }, /still that of OWNER in:\nREADME\.md/],
    ["a lock that does not fit", {
      files: {
        "deno.json":
          '{\n  "version": "1.2.3",\n  "imports": { "smol-toml": "npm:smol-toml@1.9.1" }\n}\n',
      },
    }, /deno\.lock does not fit deno\.json/],
  ] as const
) {
  Deno.test(`scripts/release-check refuses ${what}`, async () => {
    const { code, stderr } = await check(project);
    assert.equal(code, 1);
    assert.match(stderr, expected);
  });
}

Deno.test("scripts/release-check tells of all problems at once", async () => {
  const { stderr } = await check({ args: ["v9.9.9"], script: "touch new" });
  assert.equal(stderr.match(/^release-check: /gm)?.length, 2, stderr);
});

Deno.test("scripts/release-check --notes prints what is new in the newest release", async () => {
  const { stdout } = await check({ args: ["--notes"] });
  assert.equal(stdout, "### Added\n\n- A thing ([why](docs/why.md)).\n\n");
});
