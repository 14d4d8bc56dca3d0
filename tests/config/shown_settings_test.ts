import assert from "node:assert/strict";
import { describeConfig } from "../../src/config/config_dump.ts";
import { renderConfigProblems } from "../../src/config/config_problem.ts";
import { renderConfigurationDocument } from "../../src/config/configuration_document.ts";
import { renderExampleFile } from "../../src/config/example_file.ts";
import { parseSettingsFile } from "../../src/config/settings_file.ts";
import { environmentNamesOf, flagOf } from "../../src/config/setting_names.ts";
import { SETTING_NAMES, settingOf } from "../../src/config/settings.ts";
import { formatStartHelp } from "../../src/config/start_help.ts";
import { loadConfig } from "../../src/config/load_config.ts";
import { FakeConfigFiles } from "./fake_config_files.ts";
import { loadChanged } from "./base_settings.ts";

Deno.test("formatStartHelp() fits into 100 columns", () => {
  const long = formatStartHelp().split("\n").filter((line) => line.length > 100);
  assert.deepEqual(long, []);
});

for (const name of SETTING_NAMES) {
  if (settingOf(name).ignored !== undefined) continue;
  Deno.test(`formatStartHelp() shows ${name} with its variable`, () => {
    const words = formatStartHelp().split(/[\s\];]+/);
    assert.ok(words.includes(flagOf(name) ?? environmentNamesOf(name)[0]!));
    assert.ok(words.includes(environmentNamesOf(name)[0]!));
  });
}

Deno.test("renderConfigurationDocument() equals docs/configuration.md", async () => {
  const committed = new URL("../../docs/configuration.md", import.meta.url);
  assert.equal(
    await Deno.readTextFile(committed),
    renderConfigurationDocument(),
    "docs/configuration.md is stale. Run scripts/docs.ts",
  );
});

Deno.test("renderExampleFile() loads without a remark", async () => {
  const files = new FakeConfigFiles({
    "handler.toml": renderExampleFile(),
    "identity": "",
    "ca.crt": "",
    "client.crt": "",
    "client.key": "",
  });
  const loaded = await loadConfig({ args: ["-c", "handler.toml"], env: {}, files });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual([...loaded.warnings, ...loaded.notices], []);
});

Deno.test("renderExampleFile() names every setting by a key that is read", () => {
  const file = parseSettingsFile(renderExampleFile().replaceAll(/^#(?! )/gm, ""), "example");
  assert.deepEqual(file.warnings, []);
  assert.deepEqual(
    [...file.values.keys()],
    SETTING_NAMES.filter((name) =>
      settingOf(name).toml !== false && settingOf(name).ignored === undefined
    ),
  );
});

Deno.test("describeConfig() shows values with their sources, and no secret", async () => {
  const loaded = await loadChanged({
    without: ["fluentd-url"],
    args: ["--fluentd-url=https://a/b?token=hunter2", "--lock-for=90m"],
    env: { FDFWD_FLUENTD_KEY_PASSPHRASE: "hunter2", FDFWD_TYPES: "session.upload,x" },
    toml: 'start-time = "2021-01-01T09:00:00+09:00"\nteleport-addr = "[::1]:1"',
  });
  assert.ok(loaded.ok);
  const entries = describeConfig(loaded.config, loaded.sources);
  const shown = Object.fromEntries(entries.map((e) => [e.name, `${e.value} (${e.source})`]));
  assert.doesNotMatch(JSON.stringify(entries), /hunter2/);
  assert.equal(shown["fluentd-url"], "https://a/b?token=*** (flag --fluentd-url)");
  assert.equal(shown["fluentd-key-passphrase"], "(secret) (env FDFWD_FLUENTD_KEY_PASSPHRASE)");
  assert.equal(shown["types"], "session.upload,x (env FDFWD_TYPES)");
  assert.equal(shown["start-time"], "2021-01-01T00:00:00Z (file handler.toml, line 6)");
  assert.equal(shown["teleport-addr"], "[::1]:1 (file handler.toml, line 7)");
  assert.equal(shown["lock-for"], "1h30m (flag --lock-for)");
  assert.equal(shown["timeout"], "5s (default)");
  assert.equal(shown["teleport-ca"], "(not set) (not set)");
  assert.equal(
    shown["batch"],
    "(20, doubling up to 500 while pages come back full) (not set)",
  );
  assert.equal(shown["namespace"], undefined);
});

Deno.test("renderConfigProblems() writes a heading and a line for each problem", async () => {
  const loaded = await loadChanged({ args: ["--batch=0"], env: { FDFWD_STORAGE: "there.pem" } });
  assert.ok(!loaded.ok);
  assert.equal(
    renderConfigProblems(loaded.problems),
    `teleport-event-handler: 2 settings need attention
  --batch "0": Is too small. Give a whole number from 1 to 10000.
  FDFWD_STORAGE="there.pem": Is a file, not a directory. Give a directory, like ./storage.
`,
  );
});

Deno.test("renderConfigProblems() cannot be made to write control characters", async () => {
  const loaded = await loadChanged({ args: ["--batch=\u001b[31m\n\u009b", "--\u001b[2J"] });
  assert.ok(!loaded.ok);
  assert.equal(
    renderConfigProblems(loaded.problems),
    `teleport-event-handler: 2 settings need attention
  --\\u001b[2J: Unknown flag. See start --help.
  --batch "\\u001b[31m\\n\\u009b": Not a whole number. Give a whole number from 1 to 10000.
`,
  );
});

Deno.test("loadConfig() cannot be made to warn with control characters", async () => {
  const loaded = await loadChanged({ env: { "FDFWD_\u001b[2J": "x" } });
  assert.deepEqual(loaded.warnings, [
    "Unknown environment variable FDFWD_\\u001b[2J. It has no effect",
  ]);
});
