import assert from "node:assert/strict";
import type { LoadedConfig } from "../../src/config/load_config.ts";
import { configKeyOf } from "../../src/config/load_config.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "../../src/config/settings.ts";
import { environmentNamesOf, flagOf, tomlPathsOf } from "../../src/config/setting_names.ts";
import type { Source } from "../../src/config/source.ts";
import { type BaseChanges, loadChanged } from "./base_settings.ts";

/** A value of one setting. */
interface Sample {
  /** As written on the command line and in the environment. */
  readonly text: string;
  /** As `Config` holds it. */
  readonly value: unknown;
  /** As TOML types other than text write it. */
  readonly toml?: string;
  /** What the base must hold besides, or not. */
  readonly changes?: BaseChanges;
}

const TRIO: BaseChanges = {
  without: ["teleport-identity"],
  args: ["--teleport-cert=there.pem", "--teleport-key=there.pem", "--teleport-ca=there.pem"],
};

const SAMPLES: { readonly [name in SettingName]: Sample } = {
  "config": { text: "empty.toml", value: "empty.toml" },
  "dry-run": { text: "yes", value: true, toml: "true" },
  "exit-on-last-event": { text: "1", value: true, toml: "true" },
  "teleport-addr": { text: "auth.test:3026", value: { host: "auth.test", port: 3026 } },
  "teleport-identity": { text: "there.pem", value: "there.pem" },
  "teleport-ca": { text: "there.pem", value: "there.pem", changes: TRIO },
  "teleport-cert": { text: "~/there.pem", value: "/home/me/there.pem", changes: TRIO },
  "teleport-key": { text: "there.pem", value: "there.pem", changes: TRIO },
  "teleport-refresh-enabled": { text: "false", value: false, toml: "false" },
  "teleport-refresh-interval": { text: "90s", value: 90_000, toml: '"1m30s"' },
  "teleport-timeout": { text: "2m", value: 120_000 },
  "fluentd-url": { text: "https://fluentd.test/x", value: "https://fluentd.test/x" },
  "fluentd-session-url": { text: "https://fluentd.test/s", value: "https://fluentd.test/s" },
  "fluentd-ca": { text: "there.pem", value: "there.pem" },
  "fluentd-cert": { text: "~/there.pem", value: "/home/me/there.pem" },
  "fluentd-key": { text: "~/there.pem", value: "/home/me/there.pem" },
  "fluentd-key-passphrase-file": { text: "there.pem", value: "there.pem" },
  "fluentd-key-passphrase": { text: "no real one", value: "no real one" },
  "fluentd-max-connections": { text: "7", value: 7, toml: "7" },
  "fluentd-timeout": { text: "1m30s", value: 90_000 },
  "fluentd-batch-events": { text: "1", value: 1, toml: "1" },
  "batch": { text: "50", value: 50, toml: "50" },
  "namespace": { text: "default", value: undefined },
  "types": {
    text: "session.upload, user.login",
    value: ["session.upload", "user.login"],
    toml: '["session.upload", "user.login"]',
  },
  "skip-event-types": { text: "a,b\\,c", value: ["a", "b,c"], toml: '["a", "b,c"]' },
  "skip-session-types": { text: "", value: [], toml: "[]" },
  "start-time": {
    text: "2021-01-01T09:00:00.9+09:00",
    value: Date.UTC(2021, 0, 1),
    toml: "2021-01-01t00:00:00z",
  },
  "timeout": { text: "1m", value: 60_000 },
  "window-size": { text: "1.5h", value: 5_400_000 },
  "lookback": { text: "90s", value: 90_000 },
  "stall-after": { text: "2m", value: 120_000 },
  "fail-fast": { text: "true", value: true },
  "shutdown-timeout": { text: "10s", value: 10_000 },
  "max-in-flight-bytes": { text: "8MiB", value: 8_388_608 },
  "concurrency": { text: "9", value: 9, toml: "9" },
  "storage": { text: "~/state", value: "/home/me/state" },
  "storage-token-file": { text: "there.pem", value: "there.pem" },
  "storage-token": { text: "no real one", value: "no real one" },
  "storage-ca": { text: "~/there.pem", value: "/home/me/there.pem" },
  "storage-timeout": { text: "2s", value: 2000 },
  "storage-allow-http": { text: "true", value: true, toml: "true" },
  "replica-name": { text: "one", value: "one" },
  "lease-duration": { text: "20s", value: 20_000 },
  "lease-renew-deadline": { text: "8s", value: 8000 },
  "lease-retry": { text: "1s", value: 1000 },
  "cursor": { text: "123", value: "123", toml: "123" },
  "on-rejected": { text: "HALT", value: "halt" },
  "quarantine-max-size": { text: "1.5MB", value: 1_500_000, toml: "1500000" },
  "lock-enabled": { text: "on", value: true, toml: "true" },
  "lock-failed-attempts-count": { text: "4", value: 4, toml: "4" },
  "lock-period": { text: "2m", value: 120_000 },
  "lock-for": { text: "1h", value: 3_600_000 },
  "debug": { text: "true", value: true, toml: "true" },
  "log-severity": { text: "WARN", value: "warning" },
  "log-format": { text: "json", value: "json" },
  "log-output": { text: "~/handler.log", value: "/home/me/handler.log" },
  "diagnostics-addr": { text: "[::1]:3001", value: { host: "::1", port: 3001 } },
};

for (const name of SETTING_NAMES) {
  const { text, toml } = SAMPLES[name];
  const flag = flagOf(name);
  if (flag !== undefined) {
    Deno.test(`loadConfig() takes ${name} from ${flag}`, () =>
      check(name, { args: [`${flag}=${text}`] }, { origin: "flag", name: flag }));
  }
  for (const variable of environmentNamesOf(name)) {
    if (text === "" && settingOf(name).kind !== "list") continue;
    Deno.test(`loadConfig() takes ${name} from ${variable}`, () =>
      check(name, { env: { [variable]: text } }, { origin: "env", name: variable }));
  }
  for (const path of tomlPathsOf(name)) {
    const source = { origin: "file", name: path, file: "handler.toml" } as const;
    const spellings = toml === undefined ? [JSON.stringify(text)] : [JSON.stringify(text), toml];
    for (const spelling of spellings) {
      Deno.test(`loadConfig() takes ${name} from the file as ${path} = ${spelling}`, () =>
        check(name, { toml: `${path} = ${spelling}` }, { ...source, line: undefined }));
    }
  }
}

/** Loads the base with one setting from one source, and checks value, source and silence. */
async function check(name: SettingName, given: BaseChanges, source: Source): Promise<void> {
  const { value, changes = {} } = SAMPLES[name];
  const others = (changes.args ?? []).filter((arg) => !arg.startsWith(`--${name}=`));
  const loaded = await loadChanged({
    ...given,
    without: [...changes.without ?? [], name],
    // The file of the base is given by a flag, which would win over FDFWD_CONFIG.
    args: [...others, ...given.args ?? []],
    ...(name === "config" ? { withoutConfigFlag: given.args === undefined } : {}),
  });
  if (name === "config") return checkConfigFile(loaded, source);
  if (!loaded.ok) assert.deepEqual(loaded.problems, []);
  const { config, sources, warnings, notices } = loaded as LoadedConfig;
  const ignored = settingOf(name).ignored;
  assert.deepEqual((config as { [key: string]: unknown })[configKeyOf(name)], value);
  const actual = sources[name];
  assert.deepEqual(
    actual.origin === "file" ? { ...actual, line: undefined } : actual,
    source,
  );
  assert.equal(warnings.length, 0, warnings.join("\n"));
  assert.equal(notices.length, ignored === undefined ? 0 : 1, notices.join("\n"));
}

/** An empty settings file replaces the base, so that what the base held is missing. */
function checkConfigFile(loaded: Awaited<ReturnType<typeof loadChanged>>, source: Source): void {
  assert.ok(!loaded.ok);
  assert.notEqual(source.origin, "file");
  assert.deepEqual(loaded.problems.map((problem) => problem.setting), [
    "fluentd-url",
    "fluentd-session-url",
    "storage",
    "teleport-identity",
  ]);
}
