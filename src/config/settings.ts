import type { Setting } from "./setting.ts";
import { STATE_SETTINGS } from "./state_settings.ts";

/**
 * Every setting of `start`, once. Flags, environment variables, TOML paths, the `Config` type, the
 * help text and docs/configuration.md are derived from this table (setting_names.ts says how); a row
 * names only what departs from the rule. The key is the flag's name.
 */
export const SETTINGS = {
  "config": {
    kind: "path",
    group: "General",
    doc: "Settings file in TOML",
    short: "c",
    toml: false,
  },
  "dry-run": {
    kind: "bool",
    group: "General",
    default: "false",
    doc: "Read events without sending them to Fluentd; the stored position stays untouched",
  },
  "exit-on-last-event": {
    kind: "bool",
    group: "General",
    default: "false",
    doc: "End once the last event has been forwarded",
  },
  "fail-fast": {
    kind: "bool",
    group: "General",
    default: "false",
    doc:
      "End with code 1 when Teleport or Fluentd cannot be reached at the start; else wait for them",
  },
  "shutdown-timeout": {
    kind: "duration",
    group: "General",
    default: "5s",
    min: "0s",
    doc:
      "Time that requests under way have to finish after the first SIGTERM or SIGINT; 0s cuts them off",
  },

  "teleport-addr": {
    kind: "address",
    group: "Teleport",
    default: "localhost:3025",
    defaultPort: "search",
    doc:
      "Host and port of a Teleport auth server or proxy; without a port, 443, 3080 and 3025 are tried",
  },
  "teleport-identity": {
    kind: "path",
    group: "Teleport",
    example: "identity",
    doc: "Identity file made by tctl auth sign or tbot",
  },
  "teleport-ca": {
    kind: "path",
    group: "Teleport",
    example: "teleport-ca.crt",
    doc: "CA certificates of the Teleport cluster, with teleport-cert and teleport-key",
  },
  "teleport-cert": {
    kind: "path",
    group: "Teleport",
    example: "teleport-client.crt",
    doc: "Client certificate for Teleport, with teleport-ca and teleport-key",
    env: ["FDWRD_TELEPORT_CERT"],
  },
  "teleport-key": {
    kind: "path",
    group: "Teleport",
    example: "teleport-client.key",
    doc: "Private key of the client certificate for Teleport",
  },
  "teleport-refresh-enabled": {
    kind: "bool",
    group: "Teleport",
    default: "true",
    doc: "Watch the credentials for Teleport, and use new ones without a restart",
  },
  "teleport-refresh-interval": {
    kind: "duration",
    group: "Teleport",
    default: "10s",
    min: "1ms",
    doc: "Time between two looks at the credential files; those for Fluentd at least every 10s",
  },
  "teleport-timeout": {
    kind: "duration",
    group: "Teleport",
    default: "1m",
    min: "1ms",
    doc: "Longest wait for an answer of Teleport, or for the next message of a longer one",
  },

  "fluentd-url": {
    kind: "url",
    group: "Fluentd",
    required: true,
    example: "https://localhost:8888/test.log",
    doc: "URL that receives the events of the audit log",
  },
  "fluentd-session-url": {
    kind: "url",
    group: "Fluentd",
    required: true,
    example: "https://localhost:8888/session",
    doc:
      "URL that receives the events of session recordings, with the session's id for {sid}, or else .SESSION-ID.log behind it",
  },
  "fluentd-ca": {
    kind: "path",
    group: "Fluentd",
    example: "ca.crt",
    doc: "CA certificates that the Fluentd server certificate is checked against",
    unset: "the system's",
    env: ["FDWRD_FLUENTD_CA"],
  },
  "fluentd-cert": {
    kind: "path",
    group: "Fluentd",
    example: "client.crt",
    doc: "Client certificate for Fluentd, with fluentd-key",
    env: ["FDWRD_FLUENTD_CERT"],
  },
  "fluentd-key": {
    kind: "path",
    group: "Fluentd",
    example: "client.key",
    doc: "Private key of the client certificate for Fluentd",
    env: ["FDWRD_FLUENTD_KEY"],
  },
  "fluentd-key-passphrase-file": {
    kind: "path",
    group: "Fluentd",
    example: "client.key.passphrase",
    doc:
      "File that holds the passphrase of an encrypted fluentd-key; a line end after it is removed",
  },
  "fluentd-key-passphrase": {
    kind: "string",
    group: "Fluentd",
    example: "correct horse battery staple",
    secret: true,
    flag: false,
    doc: "Passphrase of an encrypted fluentd-key, in place of fluentd-key-passphrase-file",
  },
  "fluentd-max-connections": {
    kind: "int",
    group: "Fluentd",
    default: "0",
    min: 0,
    max: 1000,
    belowMin:
      "fluentd_max_connections should be greater than 0, or 0 to leave the choice to the program",
    doc: "Most connections to Fluentd at once; 0 leaves the choice to the program",
    env: ["FDFWD_MAX_CONNECTIONS", "FDWRD_MAX_CONNECTIONS"],
  },
  "fluentd-timeout": {
    kind: "duration",
    group: "Fluentd",
    default: "30s",
    min: "1ms",
    doc: "Longest wait for Fluentd's answer to a request; after that the request is sent again",
  },
  "fluentd-batch-events": {
    kind: "int",
    group: "Fluentd",
    default: "1000",
    min: 1,
    max: 10_000,
    doc: "Most events in one request; 1 sends each event in a request of its own",
  },

  "batch": {
    kind: "int",
    group: "Events",
    example: "20",
    min: 1,
    max: 10_000,
    unset: "20, doubling up to 500 while pages come back full",
    doc: "Events asked of Teleport in one page",
  },
  "namespace": {
    kind: "string",
    group: "Events",
    doc: "Namespace of the events; accepted and ignored",
    ignored: "Teleport has a single namespace, and the official handler dropped the setting too",
  },
  "types": {
    kind: "list",
    group: "Events",
    example: "user.login,session.start,session.upload",
    default: "",
    unset: "all types",
    doc: "Forward only events of these types; exact names, without wildcards",
  },
  "skip-event-types": {
    kind: "list",
    group: "Events",
    example: "app.session.chunk",
    default: "",
    unset: "none",
    doc: "Never forward audit events of these types",
  },
  "skip-session-types": {
    kind: "list",
    group: "Events",
    default: "print,desktop.recording",
    doc:
      "Never forward session recording events of these types; an empty list forwards all, with the recorded data",
  },
  "start-time": {
    kind: "time",
    group: "Events",
    example: "2021-01-01T00:00:00Z",
    unset: "the moment of the first run",
    doc: "Forward events from this time on; fixed by the first run",
  },
  "timeout": {
    kind: "duration",
    group: "Events",
    default: "5s",
    min: "1ms",
    doc: "Pause before new events are looked for, once all have been forwarded",
  },
  "window-size": {
    kind: "duration",
    group: "Events",
    default: "24h",
    min: "1s",
    doc: "Span of time that the events asked of Teleport in one go may cover",
  },
  "lookback": {
    kind: "duration",
    group: "Events",
    default: "5m",
    min: "0s",
    doc: "How far back events that appear late are still looked for; 0s looks for none",
  },
  "stall-after": {
    kind: "duration",
    group: "Events",
    default: "5m",
    min: "1ms",
    doc:
      "How long Teleport may have newer events and not give them before a warning says so, and they are read another way",
  },
  "max-in-flight-bytes": {
    kind: "size",
    group: "Events",
    default: "64MiB",
    min: "1MiB",
    doc: "Most that all streams together read ahead of Fluentd, whatever sizes events have",
  },
  "concurrency": {
    kind: "int",
    group: "Events",
    default: "5",
    min: 1,
    max: 1000,
    doc: "Most session recordings forwarded at once, and most chunks of a bulk export",
  },

  ...STATE_SETTINGS,

  "lock-enabled": {
    kind: "bool",
    group: "Lock",
    default: "false",
    doc: "Lock a Teleport user after too many failed logins",
    env: ["FDFWD_LOCKING_ENABLED"],
  },
  "lock-failed-attempts-count": {
    kind: "int",
    group: "Lock",
    default: "3",
    min: 1,
    max: 1_000_000,
    doc: "Failed logins within lock-period that are tolerated",
    env: ["FDFWD_LOCKING_FAILED_ATTEMPTS"],
    toml: ["lock.failed-attempts-count"],
  },
  "lock-period": {
    kind: "duration",
    group: "Lock",
    default: "1m",
    min: "1ms",
    doc: "Span of time in which failed logins are counted",
    env: ["FDFWD_LOCKING_PERIOD"],
  },
  "lock-for": {
    kind: "duration",
    group: "Lock",
    default: "0s",
    min: "0s",
    doc: "How long a user stays locked; 0s means until the lock is removed",
    env: ["FDFWD_LOCKING_FOR"],
  },

  "debug": {
    kind: "bool",
    group: "Log",
    default: "false",
    short: "d",
    doc: "Log everything; the same as log-severity debug",
    toml: ["teleport.debug"],
  },
  "log-severity": {
    kind: "choice",
    group: "Log",
    default: "info",
    choices: ["debug", "info", "warning", "error"],
    synonyms: { warn: "warning", err: "error" },
    doc: "Least severity of what is logged",
  },
  "log-format": {
    kind: "choice",
    group: "Log",
    default: "text",
    choices: ["text", "json"],
    doc: "Form of the log lines",
  },
  "log-output": {
    kind: "output",
    group: "Log",
    default: "stderr",
    doc: "Where the log goes: stderr, stdout, or the path of a file, which SIGHUP opens anew",
  },

  "diagnostics-addr": {
    kind: "address",
    group: "Diagnostics",
    defaultPort: 3000,
    hint: "Write it like 127.0.0.1:3000, or 0.0.0.0:3000 for every address of this machine",
    example: "127.0.0.1:3000",
    unset: "nothing is served",
    doc: "Host and port to serve metrics, probes and a status page on, without authentication",
  },
} as const satisfies { readonly [name: string]: Setting };

/** Name of a setting: its flag without the dashes. */
export type SettingName = keyof typeof SETTINGS;

/** The names of all settings, in the order of the table. */
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** Returns the declaration of a setting without its literal type. */
export function settingOf(name: SettingName): Setting {
  return SETTINGS[name];
}
