import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAddress } from "../../src/config/address_text.ts";
import { renderConfigProblems } from "../../src/config/config_problem.ts";
import { InvalidValue } from "../../src/config/invalid_value.ts";
import { loadConfig } from "../../src/config/load_config.ts";
import { ENVIRONMENT_NAMES, tomlPathsOf } from "../../src/config/setting_names.ts";
import { parseSettingsFile, SettingsSyntaxError } from "../../src/config/settings_file.ts";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { parseHttpUrl, redactUrl } from "../../src/config/url_text.ts";
import { fuzzTest, textMutationsOf, textOf } from "../support/fuzz.ts";
import { FakeConfigFiles } from "./fake_config_files.ts";

const PATHS = SETTING_NAMES.flatMap(tomlPathsOf);
const VALUES = textOf(
  "true",
  "1",
  "-1",
  '"x"',
  "https://localhost:1/x",
  "1h",
  "user.login,",
  "2021-01-01T00:00:00Z",
  "\x1b[2J",
  "[",
  "{",
  "../",
  "9".repeat(400),
);
const SAMPLE = `storage = "./storage"
types = ["user.login", "session.start"]
start-time = 2021-01-01T00:00:00Z
[forward.fluentd]
url = "https://localhost:8888/test.log"
key-passphrase = "a b"
[teleport]
addr = "localhost:3025" # here
batch = 20
[[lock]]
"a.b" = { c = 0x1F, d = inf, e = '''x
y''' }
`;
const TOML = fc.oneof(
  textMutationsOf(SAMPLE),
  textOf(...PATHS.slice(0, 30), " = ", "\n", "[", "]", "[[", '"', "'''", "{", "}", ",", "#", "1"),
  fc.array(fc.tuple(fc.constantFrom(...PATHS), VALUES), { maxLength: 6 })
    .map((pairs) => pairs.map(([path, value]) => `${path} = ${JSON.stringify(value)}\n`).join("")),
);

/** Loads settings, and checks of what is said of them that a terminal may show it. */
async function check(
  { args, env, toml }: { args: string[]; env: { [name: string]: string }; toml: string },
): Promise<void> {
  const loaded = await loadConfig({
    args: ["--config", "handler.toml", ...args],
    env,
    files: new FakeConfigFiles({ "handler.toml": toml, x: "" }),
    homeDir: "/home/me",
  });
  const said = [...loaded.warnings, ...loaded.notices];
  if (!loaded.ok) {
    assert.ok(loaded.problems.length > 0);
    assert.ok(loaded.exitCode === 2 || loaded.exitCode === 78);
    said.push(...renderConfigProblems(loaded.problems).split("\n"));
  }
  for (const line of said) {
    assert.doesNotMatch(line, /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u);
    assert.doesNotMatch(line, /undefined|\[object/);
  }
}

fuzzTest("loadConfig() takes any settings file or says all that is wrong with it", {
  arbitrary: TOML,
  check: (toml) => check({ args: [], env: {}, toml }),
});

fuzzTest("loadConfig() takes any command line or says all that is wrong with it", {
  arbitrary: fc.array(
    fc.oneof(
      fc.constantFrom(...SETTING_NAMES).map((name) => `--${name}`),
      fc.tuple(fc.constantFrom(...SETTING_NAMES), VALUES).map(([name, text]) =>
        `--${name}=${text}`
      ),
      VALUES,
      fc.constantFrom("-d", "-c", "--", "-", "--no-debug", "--=", "-dc"),
    ),
    { maxLength: 6 },
  ),
  check: (args) => check({ args, env: {}, toml: "" }),
});

fuzzTest("loadConfig() takes any environment or says all that is wrong with it", {
  arbitrary: fc.dictionary(
    fc.oneof(
      fc.constantFrom(...ENVIRONMENT_NAMES),
      fc.string({ maxLength: 9 }).map((text) => `FDFWD_${text}`),
    ),
    VALUES,
  ),
  check: (env) => check({ args: [], env, toml: "" }),
});

fuzzTest("parseSettingsFile() reads any text as settings or says where it is no TOML", {
  arbitrary: TOML,
  allowed: [SettingsSyntaxError],
  check: (toml) => void parseSettingsFile(toml, "handler.toml"),
});

for (
  const [what, toml] of [
    ["lists in each other", `a = ${"[".repeat(50_000)}`],
    ["tables in each other", `a = ${"{b=".repeat(50_000)}`],
    ["a path of many keys", `${"a.".repeat(20_000)}a = 1`],
    ["a section of many keys", `[${"a.".repeat(20_000)}a]\nb = 1`],
    ["a key without an end", `${"a".repeat(300_000)} = 1`],
    ["many unknown keys", Array.from({ length: 3000 }, (_, i) => `unknown${i} = 1\n`).join("")],
    ["a number without an end", `batch = ${"9".repeat(300_000)}`],
    ["many quotes", `a = ${'"'.repeat(100_000)}`],
  ] as const
) {
  Deno.test(`loadConfig() is done soon with a settings file of ${what}`, async () => {
    const startMs = performance.now();
    await check({ args: [], env: {}, toml });
    const tookMs = performance.now() - startMs;
    // It takes 0.2 s; the machine may be busy.
    assert.ok(tookMs < 20_000, `${tookMs} ms`);
  });
}

fuzzTest("parseAddress() gives a host and a port or says what is wrong", {
  arbitrary: textOf(
    "localhost",
    ":",
    "3025",
    "[",
    "]",
    "::1",
    "%eth0",
    "https://",
    "/",
    ".",
    "é",
    "@",
  ),
  allowed: [InvalidValue],
  check(text) {
    const { host, port } = parseAddress(text, 3025, () => {});
    assert.ok(port >= 1 && port <= 65535);
    assert.doesNotMatch(host, /[\s/@\\\p{Cc}]/u);
  },
});

fuzzTest("parseHttpUrl() gives a URL back as it was written or says what is wrong", {
  arbitrary: textOf(
    "https://",
    "http:",
    "localhost",
    ":8888",
    "/",
    "\\",
    "?",
    "#",
    "@",
    "a:b",
    "[",
    "\t",
  ),
  allowed: [InvalidValue],
  check(text) {
    const url = new URL(parseHttpUrl(text, "https://localhost:8888/test.log"));
    assert.ok(["http:", "https:"].includes(url.protocol));
    assert.equal(url.username + url.password, "");
  },
});

fuzzTest("redactUrl() leaves no password and no value of a query in any text", {
  arbitrary: textOf("https://", "me:hunter-2@", "h", "/", "?", "&", "=", "t=hunter-2", "#").map((
    text,
  ) => text.replaceAll("/hunter-2", "/h")),
  check(text) {
    const url = URL.parse(redactUrl(text));
    if (url === null) return;
    assert.ok(url.password === "" || url.password === "***", url.href);
    for (const value of url.searchParams.values()) assert.ok(value === "" || value === "***");
  },
});
