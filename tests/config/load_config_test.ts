import assert from "node:assert/strict";
import { loadConfig } from "../../src/config/load_config.ts";
import { FakeConfigFiles } from "./fake_config_files.ts";
import { type BaseChanges, loadChanged } from "./base_settings.ts";

/** Loads changed settings that must be valid. */
async function load(changes: BaseChanges) {
  const loaded = await loadChanged(changes);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  return loaded;
}

/** The example of the official README, as it is printed there. */
const README_EXAMPLE = `storage = "./storage" # Plugin will save it's state here
timeout = "10s"
batch = 20
namespace = "default"
[fluentd]
cert = "client.crt"
key = "client.key"
ca = "ca.crt"
url = "https://localhost:8888/test.log"
session-url = "https://localhost:8888/session" # .<session id>.log will be appended to this URL
[teleport]
addr = "localhost:3025" # Default local Teleport instance address
identity = "identity" # Identity file exported on previous step
`;

Deno.test("loadConfig() loads the example of the official README without a warning", async () => {
  const files = new FakeConfigFiles({
    "teleport-event-handler.toml": README_EXAMPLE,
    "client.crt": "",
    "client.key": "",
    "ca.crt": "",
    "identity": "",
  });
  const args = "--config teleport-event-handler.toml --start-time 2021-01-01T00:00:00Z";
  const loaded = await loadConfig({ args: args.split(" "), env: {}, files });
  assert.ok(loaded.ok);
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(loaded.notices, [
    'namespace = "default" (file teleport-event-handler.toml, line 4) is ignored. Teleport has a single namespace, and the official handler dropped the setting too',
  ]);
  assert.deepEqual(loaded.config, {
    config: "teleport-event-handler.toml",
    dryRun: false,
    exitOnLastEvent: false,
    teleportAddr: { host: "localhost", port: 3025 },
    teleportIdentity: "identity",
    teleportCa: undefined,
    teleportCert: undefined,
    teleportKey: undefined,
    teleportRefreshEnabled: true,
    teleportRefreshIntervalMs: 10_000,
    teleportTimeoutMs: 60_000,
    fluentdUrl: "https://localhost:8888/test.log",
    fluentdSessionUrl: "https://localhost:8888/session",
    fluentdCa: "ca.crt",
    fluentdCert: "client.crt",
    fluentdKey: "client.key",
    fluentdKeyPassphraseFile: undefined,
    fluentdKeyPassphrase: undefined,
    fluentdMaxConnections: 0,
    fluentdBatchEvents: 1000,
    fluentdTimeoutMs: 30_000,
    batch: 20,
    types: [],
    skipEventTypes: [],
    skipSessionTypes: ["print", "desktop.recording"],
    startTimeMs: Date.UTC(2021, 0, 1),
    timeoutMs: 10_000,
    windowSizeMs: 86_400_000,
    concurrency: 5,
    storage: "./storage",
    storageAllowHttp: false,
    storageCa: undefined,
    storageTimeoutMs: 10_000,
    storageToken: undefined,
    storageTokenFile: undefined,
    replicaName: undefined,
    leaseDurationMs: 15_000,
    leaseRenewDeadlineMs: 10_000,
    leaseRetryMs: 2000,
    cursor: undefined,
    lockEnabled: false,
    lockFailedAttemptsCount: 3,
    lockPeriodMs: 60_000,
    lookbackMs: 300_000,
    maxInFlightBytes: 67_108_864,
    stallAfterMs: 300_000,
    failFast: false,
    shutdownTimeoutMs: 5000,
    lockForMs: 0,
    debug: false,
    logSeverity: "info",
    logFormat: "text",
    logOutput: "stderr",
    diagnosticsAddr: undefined,
    onRejected: "quarantine",
    quarantineMaxSizeBytes: 1_073_741_824,
  });
});

Deno.test("loadConfig() prefers the flag, then the environment, then the file", async () => {
  const flag = await load({ args: ["--batch=3"], env: { FDFWD_BATCH: "2" }, toml: "batch = 1" });
  assert.equal(flag.config.batch, 3);
  assert.deepEqual(flag.warnings, []);
  const env = await load({ env: { FDFWD_BATCH: "2" }, toml: "batch = 1" });
  assert.equal(env.config.batch, 2);
  assert.deepEqual(env.warnings, [
    'FDFWD_BATCH="2" is used instead of batch = "1" (file handler.toml, line 7). The official handler would let the file win; remove one of the two',
  ]);
});

Deno.test("loadConfig() is silent when environment and file say the same in other words", async () => {
  const loaded = await load({ env: { FDFWD_TIMEOUT: "60s" }, toml: 'timeout = "1m"' });
  assert.deepEqual(loaded.warnings, []);
});

Deno.test("loadConfig() takes an empty variable as unset, but for a list as none", async () => {
  const env = { FDFWD_TIMEOUT: "", FDFWD_SKIP_SESSION_TYPES: "" };
  const { config } = await load({ env, toml: 'timeout = "9s"' });
  assert.equal(config.timeoutMs, 9_000);
  assert.deepEqual(config.skipSessionTypes, []);
});

Deno.test("loadConfig() takes the last of a repeated flag, and joins repeated lists", async () => {
  const args = ["--batch=1", "--batch=2", "--types=session.upload,a", "--types", "b"];
  const { config } = await load({ args });
  assert.equal(config.batch, 2);
  assert.deepEqual(config.types, ["session.upload", "a", "b"]);
});

Deno.test("loadConfig() raises the severity to debug for --debug", async () => {
  const { config, sources } = await load({ args: ["-d"], toml: '[log]\nseverity = "error"' });
  assert.equal(config.logSeverity, "debug");
  assert.deepEqual(sources["log-severity"], { origin: "flag", name: "--debug" });
});

Deno.test("loadConfig() lets --debug=false switch off what the file switched on", async () => {
  const { config } = await load({ args: ["--debug=false"], toml: "debug = true" });
  assert.equal(config.debug, false);
});

Deno.test("loadConfig() keeps the line of each value of the file", async () => {
  const { sources } = await load({ toml: "\n# more\n[lock]\nenabled = true" });
  assert.deepEqual(sources["lock-enabled"], {
    origin: "file",
    name: "lock.enabled",
    file: "handler.toml",
    line: 10,
  });
});

Deno.test("loadConfig() works without a settings file", async () => {
  const { config, sources } = await load({
    withoutConfigFlag: true,
    args: ["--fluentd-url=https://a/b", "--fluentd-session-url", "https://a/c", "--storage=s"],
    env: { FDFWD_TELEPORT_IDENTITY: "there.pem" },
  });
  assert.equal(config.config, undefined);
  assert.deepEqual(sources.config, { origin: "unset" });
  assert.deepEqual(sources.timeout, { origin: "default" });
});

Deno.test("loadConfig() needs the home directory only for a path that begins with ~/", async () => {
  const args = ["--teleport-identity=~/id", "--storage=./~"];
  const loaded = await loadConfig({ args, env: {}, files: new FakeConfigFiles({}) });
  assert.ok(!loaded.ok);
  assert.deepEqual(
    loaded.problems.filter(({ kind }) => kind === "usage").map(({ problem }) => problem),
    ["The home directory that ~ stands for is not known"],
  );
});

Deno.test("loadConfig() reads a settings file that begins with a byte order mark", async () => {
  const files = new FakeConfigFiles({ "handler.toml": '\uFEFFstorage = "s"' });
  const loaded = await loadConfig({ args: ["-c", "handler.toml"], env: {}, files });
  assert.ok(!loaded.ok);
  assert.ok(!loaded.problems.some(({ setting }) => setting === "storage"));
});

Deno.test("loadConfig() says only why the settings file could not be read", async () => {
  const files = {
    inspect: () => Promise.resolve("file" as const),
    readText: () => Promise.reject(new Error("Disk on fire")),
  };
  const loaded = await loadConfig({ args: [], env: { FDFWD_CONFIG: "x.toml" }, files });
  assert.ok(!loaded.ok);
  assert.deepEqual(loaded.problems.map(({ problem }) => problem), [
    "The file cannot be read: Disk on fire",
  ]);
  assert.equal(loaded.exitCode, 78);
});

const REMARKS: readonly (BaseChanges & {
  readonly title: string;
  readonly warning?: string;
  readonly notice?: string;
})[] = [
  {
    title: "types without session.upload",
    args: ["--types=user.login"],
    warning: "No session recordings will be forwarded, because types does not name session.upload",
  },
  {
    title: "session.upload being skipped",
    args: ["--skip-event-types=session.upload"],
    warning:
      "No session recordings will be forwarded, because skip-event-types names session.upload",
  },
  {
    title: "a pattern among the types",
    args: ["--skip-event-types=db.*"],
    warning: 'skip-event-types names "db.*", which matches no event: types are compared exactly',
  },
  {
    title: "plain http to another machine",
    without: ["fluentd-url", "fluentd-cert", "fluentd-key"],
    args: ["--fluentd-url=http://fluentd.test/x"],
    warning: "fluentd-url sends events over the network in clear. Use https",
  },
  {
    title: "a passphrase without a key",
    without: ["fluentd-cert", "fluentd-key"],
    env: { FDFWD_FLUENTD_KEY_PASSPHRASE: "hunter2" },
    warning: "fluentd-key-passphrase has no effect without fluentd-key",
  },
  {
    title: "a duration without a unit",
    args: ["--timeout=5000000000"],
    warning:
      '--timeout "5000000000": A number without a unit is nanoseconds; 5000000000 was read as 5s',
  },
  {
    title: "a variable that differs from its old spelling",
    env: { FDFWD_MAX_CONNECTIONS: "1", FDWRD_MAX_CONNECTIONS: "2" },
    warning:
      "FDWRD_MAX_CONNECTIONS differs from FDFWD_MAX_CONNECTIONS, which is used. Remove one of the two",
  },
  {
    title: "an unknown variable near a known one",
    env: { FDWRD_STORAGE: "x" },
    warning: "Unknown environment variable FDWRD_STORAGE. Did you mean FDFWD_STORAGE?",
  },
  {
    title: "an unknown variable far from all",
    env: { FDFWD_QUANTUM_ENTANGLEMENT: "x" },
    warning: "Unknown environment variable FDFWD_QUANTUM_ENTANGLEMENT. It has no effect",
  },
  {
    title: "an unknown key of the file",
    toml: "[forwrd.fluentd]\nbatch-events = 1",
    warning:
      "Unknown setting forwrd.fluentd.batch-events (file handler.toml, line 8). Did you mean forward.fluentd.batch-events?",
  },
  {
    title: "a key that the official handler ignores without a word",
    toml: "[teleport]\nrefresh-enabled = true",
    warning:
      "Unknown setting teleport.refresh-enabled (file handler.toml, line 8). Did you mean teleport.refresh.enabled?",
  },
  {
    title: "a key far from all",
    toml: '"quantum entanglement" = true',
    warning: 'Unknown setting "quantum entanglement" (file handler.toml, line 7). It has no effect',
  },
  {
    title: "both Fluentd sections",
    without: ["fluentd-url"],
    toml: '[fluentd]\nurl = "https://a/b"\n[forward.fluentd]\nurl = "https://c/d"',
    warning:
      "fluentd.url (file handler.toml, line 7) differs from forward.fluentd.url, which is used. Remove one of the two",
  },
  {
    title: "a Teleport host without a port",
    args: ["--teleport-addr=auth.test"],
    notice: '--teleport-addr "auth.test": No port is given; 443, 3080 and 3025 are tried',
  },
  {
    title: "a Teleport address that begins with https",
    toml: 'teleport.addr = "https://auth.test:3025/"',
    notice:
      'teleport.addr = "https://auth.test:3025/" (file handler.toml, line 7): The https:// in front is not needed and was left out',
  },
];

for (const { title, warning, notice, ...changes } of REMARKS) {
  Deno.test(`loadConfig() remarks on ${title}`, async () => {
    const { warnings, notices } = await load(changes);
    assert.deepEqual(warnings, warning === undefined ? [] : [warning]);
    assert.deepEqual(notices, notice === undefined ? [] : [notice]);
  });
}

/** As in the Go plugins. */
const OUTPUTS: readonly [string, string][] = [
  ["stdout", "stdout"],
  ["out", "stdout"],
  ["1", "stdout"],
  ["STDERR", "stderr"],
  ["error", "stderr"],
  ["2", "stderr"],
  ["./stdout", "./stdout"],
];

for (const [text, output] of OUTPUTS) {
  Deno.test(`loadConfig() takes the log output ${text} for ${output}`, async () => {
    assert.equal((await load({ args: [`--log-output=${text}`] })).config.logOutput, output);
  });
}

const SILENT: readonly (BaseChanges & { readonly title: string })[] = [
  {
    title: "plain http to this machine",
    without: ["fluentd-url", "fluentd-cert", "fluentd-key"],
    args: ["--fluentd-url=http://[::1]:8888/x"],
  },
  { title: "a log output that is a file", toml: '[log]\noutput = "/var/log/handler.log"' },
  {
    title: "the same value in both Fluentd sections",
    toml: "[fluentd]\nmax-connections = 4\n[forward.fluentd]\nmax-connections = 4",
  },
  { title: "an empty table", toml: "[forward]\n[unknown]" },
  { title: "variables of others", env: { PATH: "/bin", FDFWDX: "1" } },
];

for (const { title, ...changes } of SILENT) {
  Deno.test(`loadConfig() is silent about ${title}`, async () => {
    const { warnings, notices } = await load(changes);
    assert.deepEqual([...warnings, ...notices], []);
  });
}
