import assert from "node:assert/strict";
import type { Config } from "../../src/config/config.ts";
import { parseSettingValue } from "../../src/config/setting_value.ts";
import {
  documentedTomlPathOf,
  environmentNamesOf,
  flagOf,
  tomlPathsOf,
} from "../../src/config/setting_names.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "../../src/config/settings.ts";

const CONTEXT = { homeDir: undefined, notice: () => {}, warn: () => {} };

for (const name of SETTING_NAMES) {
  const setting = settingOf(name);
  for (const text of [setting.default, setting.example]) {
    if (text === undefined) continue;
    Deno.test(`SETTINGS holds a valid value of ${name}: ${JSON.stringify(text)}`, () => {
      assert.doesNotThrow(() => parseSettingValue(setting, text, CONTEXT));
    });
  }
  Deno.test(`SETTINGS describes ${name} by a sentence without a final period`, () => {
    assert.match(setting.doc, /^[A-Z].*[^.]$/);
  });
}

Deno.test("environmentNamesOf() gives no two settings the same variable", () => {
  const names = SETTING_NAMES.flatMap(environmentNamesOf);
  assert.deepEqual(names, [...new Set(names)]);
});

Deno.test("tomlPathsOf() gives no two settings the same path", () => {
  const paths = SETTING_NAMES.flatMap(tomlPathsOf);
  assert.deepEqual(paths, [...new Set(paths)]);
});

Deno.test("documentedTomlPathOf() names one of the accepted paths", () => {
  for (const name of SETTING_NAMES) {
    const path = documentedTomlPathOf(name);
    assert.ok(path === undefined || tomlPathsOf(name).includes(path), name);
  }
});

Deno.test("flagOf() keeps the passphrase off the command line", () => {
  assert.equal(flagOf("fluentd-key-passphrase"), undefined);
});

/** The names of the official handler, as its code and its documents spell them. */
const LEGACY_VARIABLES: { readonly [variable: string]: SettingName } = {
  FDFWD_CONFIG: "config",
  FDFWD_DEBUG: "debug",
  FDFWD_FLUENTD_URL: "fluentd-url",
  FDFWD_FLUENTD_SESSION_URL: "fluentd-session-url",
  FDWRD_FLUENTD_CERT: "fluentd-cert",
  FDFWD_FLUENTD_CERT: "fluentd-cert",
  FDWRD_FLUENTD_KEY: "fluentd-key",
  FDFWD_FLUENTD_KEY: "fluentd-key",
  FDWRD_FLUENTD_CA: "fluentd-ca",
  FDFWD_FLUENTD_CA: "fluentd-ca",
  FDWRD_MAX_CONNECTIONS: "fluentd-max-connections",
  FDFWD_MAX_CONNECTIONS: "fluentd-max-connections",
  FDFWD_TELEPORT_ADDR: "teleport-addr",
  FDFWD_TELEPORT_IDENTITY: "teleport-identity",
  FDFWD_TELEPORT_REFRESH_ENABLED: "teleport-refresh-enabled",
  FDFWD_TELEPORT_REFRESH_INTERVAL: "teleport-refresh-interval",
  FDFWD_TELEPORT_CA: "teleport-ca",
  FDWRD_TELEPORT_CERT: "teleport-cert",
  FDFWD_TELEPORT_CERT: "teleport-cert",
  FDFWD_TELEPORT_KEY: "teleport-key",
  FDFWD_STORAGE: "storage",
  FDFWD_BATCH: "batch",
  FDFWD_NAMESPACE: "namespace",
  FDFWD_TYPES: "types",
  FDFWD_SKIP_EVENT_TYPES: "skip-event-types",
  FDFWD_SKIP_SESSION_TYPES: "skip-session-types",
  FDFWD_START_TIME: "start-time",
  FDFWD_TIMEOUT: "timeout",
  FDFWD_CURSOR: "cursor",
  FDFWD_DRY_RUN: "dry-run",
  FDFWD_EXIT_ON_LAST_EVENT: "exit-on-last-event",
  FDFWD_CONCURRENCY: "concurrency",
  FDFWD_WINDOW_SIZE: "window-size",
  FDFWD_LOCKING_ENABLED: "lock-enabled",
  FDFWD_LOCKING_FAILED_ATTEMPTS: "lock-failed-attempts-count",
  FDFWD_LOCKING_PERIOD: "lock-period",
  FDFWD_LOCKING_FOR: "lock-for",
};

for (const [variable, name] of Object.entries(LEGACY_VARIABLES)) {
  Deno.test(`environmentNamesOf() keeps ${variable} for ${name}`, () => {
    assert.ok(environmentNamesOf(name).includes(variable));
  });
}

const TOML_PATHS: readonly (readonly [name: SettingName, ...paths: readonly string[]])[] = [
  ["config"],
  ["storage", "storage"],
  ["start-time", "start.time", "start-time"],
  ["skip-event-types", "skip.event.types", "skip-event-types"],
  ["teleport-addr", "teleport.addr", "teleport-addr"],
  ["teleport-refresh-enabled", "teleport.refresh.enabled", "teleport-refresh-enabled"],
  ["fluentd-url", "forward.fluentd.url", "fluentd.url", "fluentd-url"],
  [
    "fluentd-session-url",
    "forward.fluentd.session.url",
    "forward.fluentd.session-url",
    "fluentd.session.url",
    "fluentd.session-url",
    "fluentd-session-url",
  ],
  [
    "lock-failed-attempts-count",
    "lock.failed.attempts.count",
    "lock-failed-attempts-count",
    "lock.failed-attempts-count",
  ],
  ["debug", "debug", "teleport.debug"],
  ["log-output", "log.output", "log-output"],
];

for (const [name, ...paths] of TOML_PATHS) {
  Deno.test(`tomlPathsOf() derives the paths of ${name} in the order of precedence`, () => {
    assert.deepEqual(tomlPathsOf(name), paths);
  });
}

Deno.test("Config has exact types", () => {
  const check = (config: Config) => {
    const url: string = config.fluentdUrl;
    const timeoutMs: number = config.timeoutMs;
    const types: readonly string[] = config.types;
    const format: "text" | "json" = config.logFormat;
    const severity: "debug" | "info" | "warning" | "error" = config.logSeverity;
    const port: number = config.teleportAddr.port;
    // @ts-expect-error It has no default: undefined stands for the adaptive size.
    const batch: number = config.batch;
    // @ts-expect-error It is not required.
    const ca: string = config.fluentdCa;
    // @ts-expect-error It is accepted and ignored.
    config.namespace;
    // @ts-expect-error It is immutable.
    config.timeoutMs = 1;
    return [url, timeoutMs, types, format, severity, port, batch, ca];
  };
  assert.equal(typeof check, "function");
});
