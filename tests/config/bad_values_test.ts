import { type RefusedSettings, testRefusals } from "./refused_settings.ts";

const VALUES: readonly RefusedSettings[] = [
  {
    title: "a settings file in the environment that does not exist",
    withoutConfigFlag: true,
    env: { FDFWD_CONFIG: "gone.toml" },
    exitCode: 78,
    lines: [
      'FDFWD_CONFIG="gone.toml": No such file. Check the path; a relative one starts at the directory the program is run from.',
    ],
  },
  {
    title: "a URL of another protocol",
    without: ["fluentd-url"],
    toml: '[fluentd]\nurl = "htp://x"',
    exitCode: 78,
    lines: [
      'fluentd.url = "htp://x" (file handler.toml, line 7): Not an http or https URL. Write it like https://localhost:8888/test.log.',
    ],
  },
  {
    title: "a URL without slashes",
    env: { FDFWD_FLUENTD_URL: "https:localhost" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_URL="https:localhost": Not an http or https URL. Write it like https://localhost:8888/test.log.',
    ],
  },
  {
    title: "a URL with a bad port",
    env: { FDFWD_FLUENTD_SESSION_URL: "https://localhost:99999/session" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_SESSION_URL="https://localhost:99999/session": Not a URL: its host or port is not valid. Write it like https://localhost:8888/session.',
    ],
  },
  {
    title: "a URL with a blank",
    env: { FDFWD_FLUENTD_URL: "https://localhost/a b" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_URL="https://localhost/a b": Not a URL: it holds a blank, a backslash or a control character. Write it like https://localhost:8888/test.log.',
    ],
  },
  {
    title: "a URL with a password, which is not shown",
    env: { FDFWD_FLUENTD_URL: "https://me:hunter2@localhost/x" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_URL="https://***@localhost/x": A user name and password in the URL are not supported. Remove them; Fluentd is told who is asking by the client certificate (fluentd-cert, fluentd-key).',
    ],
  },
  {
    title: "a URL with a fragment",
    env: { FDFWD_FLUENTD_URL: "https://localhost/x#y" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_URL="https://localhost/x#y": A fragment (#…) in the URL is never sent. Remove the # and what follows.',
    ],
  },
  {
    title: "http with a client certificate",
    env: { FDFWD_FLUENTD_URL: "http://localhost/x" },
    without: ["fluentd-url"],
    exitCode: 78,
    lines: [
      "fluentd-url: The client certificate cannot be used, because the URL is http. Write https in the URL, or remove fluentd-cert and fluentd-key.",
    ],
  },
  ...([
    ["auth.test:0", "The port is not a number from 1 to 65535"],
    ["auth.test:65536", "The port is not a number from 1 to 65535"],
    ["auth.test:", "The port is not a number from 1 to 65535"],
    ["auth.test:ssh", "The port is not a number from 1 to 65535"],
    ["::1:3025", "An IPv6 address needs brackets"],
    ["[::1", "Not a host and a port"],
    ["[1::2::3]:3025", "The IPv6 address is not valid"],
    ["auth test:3025", "The host is not valid"],
    ["..:3025", "The host is not valid"],
    [":3025", "Not a host and a port"],
    ["https://auth.test/web", "An address is a host and a port, not a URL"],
  ] as const).map(([address, problem]): RefusedSettings => ({
    title: `the Teleport address ${address}`,
    env: { FDFWD_TELEPORT_ADDR: address },
    exitCode: 78,
    lines: [
      `FDFWD_TELEPORT_ADDR="${address}": ${problem}. Write it like auth.example.com:3025, or [2001:db8::1]:3025.`,
    ],
  })),
  ...([
    [":3000", "Not a host and a port"],
    ["127.0.0.1:0", "The port is not a number from 1 to 65535"],
    ["::", "An IPv6 address needs brackets"],
  ] as const).map(([address, problem]): RefusedSettings => ({
    title: `the diagnostics address ${address}`,
    args: ["--diagnostics-addr", address],
    exitCode: 2,
    lines: [
      `--diagnostics-addr "${address}": ${problem}. Write it like 127.0.0.1:3000, or 0.0.0.0:3000 ` +
      "for every address of this machine.",
    ],
  })),
  {
    title: "an identity file that does not exist",
    without: ["teleport-identity"],
    toml: '[teleport]\n# from tctl auth sign\nidentity = "gone"',
    exitCode: 78,
    lines: [
      'teleport.identity = "gone" (file handler.toml, line 8): No such file. Check the path; a relative one starts at the directory the program is run from.',
    ],
  },
  {
    title: "a log output that is a directory",
    args: ["--log-output=folder"],
    exitCode: 2,
    lines: ['--log-output "folder": Is a directory, not a file. Give the file inside of it.'],
  },
  {
    title: "a log output that is neither a stream nor a file",
    env: { FDFWD_LOG_OUTPUT: "syslog" },
    exitCode: 78,
    lines: [
      'FDFWD_LOG_OUTPUT="syslog": Neither stdout, nor stderr, nor the path of a file. Write stderr, which systemd and containers collect, or a path like ./handler.log.',
    ],
  },
  {
    title: "a certificate that is a directory, by its old variable",
    without: ["fluentd-cert"],
    env: { FDWRD_FLUENTD_CERT: "folder" },
    exitCode: 78,
    lines: [
      'FDWRD_FLUENTD_CERT="folder": Is a directory, not a file. Give the file inside of it.',
    ],
  },
  {
    title: "a storage that is a file",
    without: ["storage"],
    toml: 'storage = "there.pem"',
    exitCode: 78,
    lines: [
      'storage = "there.pem" (file handler.toml, line 6): Is a file, not a directory. Give a directory, like ./storage.',
    ],
  },
  {
    title: "a storage on a server of another kind",
    without: ["storage"],
    env: { FDFWD_STORAGE: "redis://kv.test/" },
    exitCode: 78,
    lines: [
      'FDFWD_STORAGE="redis://kv.test/": Not an http or https URL. Write it like https://kv.example.com, or give a directory, like ./storage.',
    ],
  },
  {
    title: "a user and password in the URL of storage",
    without: ["storage"],
    env: { FDFWD_STORAGE: "https://me:hunter2@kv.test/" },
    exitCode: 78,
    lines: [
      'FDFWD_STORAGE="https://***@kv.test/": A user name and password in the URL are not supported. Remove them; the server is told who is asking by its access token (DENO_KV_ACCESS_TOKEN).',
    ],
  },
  {
    title: "a query in the URL of storage",
    without: ["storage"],
    env: { FDFWD_STORAGE: "https://kv.test/?token=hunter2" },
    exitCode: 78,
    lines: [
      'FDFWD_STORAGE="https://kv.test/?token=***": A query (?…) in the URL is not supported. Write it like https://kv.example.com, or give a directory, like ./storage.',
    ],
  },
  {
    title: "an empty text in the file",
    toml: '[forward.fluentd]\nca = ""',
    exitCode: 78,
    lines: [
      'forward.fluentd.ca = "" (file handler.toml, line 8): Is empty. Give a value, or leave it out.',
    ],
  },
  {
    title: "a batch that is no number",
    toml: 'batch = "many"',
    exitCode: 78,
    lines: [
      'batch = "many" (file handler.toml, line 7): Not a whole number. Give a whole number from 1 to 10000.',
    ],
  },
  {
    title: "a batch with a fraction",
    toml: "batch = 2.5",
    exitCode: 78,
    lines: [
      'batch = "2.5" (file handler.toml, line 7): Not a whole number. Give a whole number from 1 to 10000.',
    ],
  },
  {
    title: "a batch that is too large",
    env: { FDFWD_BATCH: "10001" },
    exitCode: 78,
    lines: ['FDFWD_BATCH="10001": Is too large. Give a whole number from 1 to 10000.'],
  },
  {
    title: "negative connections",
    env: { FDWRD_MAX_CONNECTIONS: "-1" },
    exitCode: 78,
    lines: [
      'FDWRD_MAX_CONNECTIONS="-1": fluentd_max_connections should be greater than 0, or 0 to leave the choice to the program. Give a whole number from 0 to 1000.',
    ],
  },
  {
    title: "a duration in days",
    toml: 'window-size = "7d"',
    exitCode: 78,
    lines: [
      'window-size = "7d" (file handler.toml, line 7): Unknown unit "d" in duration "7d". Write it like 30s, 5m or 1h30m.',
    ],
  },
  {
    title: "a negative duration",
    env: { FDFWD_LOCKING_FOR: "-5m" },
    exitCode: 78,
    lines: ['FDFWD_LOCKING_FOR="-5m": Is negative. Write it like 30s, 5m or 1h30m.'],
  },
  {
    title: "a refresh interval of zero",
    toml: "[teleport.refresh]\nenabled = true\ninterval = 0",
    exitCode: 78,
    lines: [
      'teleport.refresh.interval = "0" (file handler.toml, line 9): Is too short. Give at least 1ms, written like 30s or 1h30m.',
    ],
  },
  {
    title: "a lock period of zero",
    env: { FDFWD_LOCKING_PERIOD: "0s" },
    exitCode: 78,
    lines: [
      'FDFWD_LOCKING_PERIOD="0s": Is too short. Give at least 1ms, written like 30s or 1h30m.',
    ],
  },
  {
    title: "no failed attempts",
    env: { FDFWD_LOCKING_FAILED_ATTEMPTS: "0" },
    exitCode: 78,
    lines: [
      'FDFWD_LOCKING_FAILED_ATTEMPTS="0": Is too small. Give a whole number from 1 to 1000000.',
    ],
  },
  {
    title: "a timeout in seconds without a unit",
    toml: "timeout = 10",
    exitCode: 78,
    lines: [
      'timeout = "10" (file handler.toml, line 7): Is too short; a number without a unit is nanoseconds. Give at least 1ms, written like 30s or 1h30m.',
    ],
  },
  {
    title: "a size in a unit that is none",
    args: ["--quarantine-max-size", "1 elephant"],
    exitCode: 2,
    lines: [
      '--quarantine-max-size "1 elephant": Unknown unit "elephant" in the number of bytes "1 elephant". Write it like 512MiB or 1GiB.',
    ],
  },
  {
    title: "a size that is too small",
    toml: "quarantine-max-size = 1024",
    exitCode: 78,
    lines: [
      'quarantine-max-size = "1024" (file handler.toml, line 7): Is too small. Give at least 1MiB.',
    ],
  },
  {
    title: "a word for rejected events that is none",
    env: { FDFWD_ON_REJECTED: "hold" },
    exitCode: 78,
    lines: [
      'FDFWD_ON_REJECTED="hold": Not one of quarantine, halt. Did you mean halt?',
    ],
  },
  {
    title: "a start time without an offset",
    toml: "start-time = 2021-01-01T00:00:00",
    exitCode: 78,
    lines: [
      'start-time = "2021-01-01T00:00:00" (file handler.toml, line 7): "2021-01-01T00:00:00" has no offset from UTC. Write it like 2021-01-01T00:00:00Z or 2021-01-01T09:00:00+09:00.',
    ],
  },
  {
    title: "a TOML date that does not exist",
    toml: "start-time = 2021-02-30T00:00:00Z # leap?",
    exitCode: 78,
    lines: [
      'start-time = "2021-02-30T00:00:00Z" (file handler.toml, line 7): The date 2021-02-30 does not exist. Write it like 2021-01-01T00:00:00Z or 2021-01-01T09:00:00+09:00.',
    ],
  },
  {
    title: "a start time in words",
    env: { FDFWD_START_TIME: "yesterday" },
    exitCode: 78,
    lines: [
      'FDFWD_START_TIME="yesterday": "yesterday" is not an RFC 3339 time. Write it like 2021-01-01T00:00:00Z or 2021-01-01T09:00:00+09:00.',
    ],
  },
  {
    title: "a list of numbers",
    toml: "types = [1, 2]",
    exitCode: 78,
    lines: [
      'types = "[1, 2]" (file handler.toml, line 7): Holds something else than text. Write it like ["a", "b"].',
    ],
  },
  {
    title: "a list where a text belongs",
    without: ["fluentd-url"],
    toml: '[forward.fluentd]\nurl = ["https://localhost"]',
    exitCode: 78,
    lines: [
      'forward.fluentd.url = "[\\"https://localhost\\"]" (file handler.toml, line 7): A list cannot be used here. Write the URL in quotes.',
    ],
  },
  {
    title: "a boolean where a path belongs",
    without: ["storage"],
    toml: "storage = true",
    exitCode: 78,
    lines: [
      'storage = "true" (file handler.toml, line 6): A boolean cannot be used here. Write the path in quotes.',
    ],
  },
  {
    title: "a number where an address belongs",
    toml: "teleport.addr = 3025",
    exitCode: 78,
    lines: [
      'teleport.addr = "3025" (file handler.toml, line 7): A number cannot be used here. Write it in quotes, like "localhost:3025".',
    ],
  },
  {
    title: "an empty table where a number belongs",
    toml: "[batch]",
    exitCode: 78,
    lines: [
      'batch = "{…}" (file handler.toml): A table cannot be used here. Write it as a whole number.',
    ],
  },
  {
    title: "a date where a text belongs, which is not shown when secret",
    toml: "[forward.fluentd]\nkey-passphrase = 2021-01-01",
    exitCode: 78,
    lines: [
      'forward.fluentd.key-passphrase = "(secret)" (file handler.toml, line 8): A date cannot be used here. Write it as text in quotes.',
    ],
  },
  {
    title: "an unknown log format",
    env: { FDFWD_LOG_FORMAT: "jsn" },
    exitCode: 78,
    lines: ['FDFWD_LOG_FORMAT="jsn": Not one of text, json. Did you mean json?'],
  },
  {
    title: "an unknown severity",
    toml: '[log]\nseverity = "chatty"',
    exitCode: 78,
    lines: [
      'log.severity = "chatty" (file handler.toml, line 8): Not one of debug, info, warning, error. Write one of debug, info, warning, error.',
    ],
  },
];

testRefusals(VALUES);
