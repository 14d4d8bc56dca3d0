import { type RefusedSettings, testRefusals } from "./refused_settings.ts";

const RULES: readonly RefusedSettings[] = [
  {
    title: "a settings file with a syntax error, whose text is not shown",
    args: ["--config=broken.toml"],
    exitCode: 78,
    lines: [
      '--config "broken.toml": Not valid TOML at line 2, column 7: invalid value. Correct the line; text values stand in quotes.',
    ],
  },
  {
    title: "nothing at all",
    withoutConfigFlag: true,
    exitCode: 78,
    lines: [
      "fluentd-url: Is required, but not set. Give --fluentd-url https://localhost:8888/test.log, or url under [forward.fluentd].",
      "fluentd-session-url: Is required, but not set. Give --fluentd-session-url https://localhost:8888/session, or session-url under [forward.fluentd].",
      "storage: Is required, but not set. Give --storage ./storage, or storage in the settings file.",
      "teleport-identity: Neither `identity` file nor `cert`, `key` and `ca` files configured. Make an identity file with tctl auth sign, and give it with --teleport-identity.",
    ],
  },
  {
    title: "one of the three Teleport credentials",
    without: ["teleport-identity"],
    env: { FDFWD_TELEPORT_CA: "there.pem" },
    exitCode: 78,
    lines: [
      "teleport-cert: Configuration setting(s) `teleport.ca` are provided but setting(s) `teleport.cert`, `teleport.key` are missing. Give teleport-cert, teleport-key too.",
    ],
  },
  {
    title: "two of the three Teleport credentials",
    without: ["teleport-identity"],
    args: ["--teleport-key=there.pem", "--teleport-cert", "there.pem"],
    exitCode: 78,
    lines: [
      "teleport-ca: Configuration setting(s) `teleport.cert`, `teleport.key` are provided but setting(s) `teleport.ca` are missing. Give teleport-ca too.",
    ],
  },
  {
    title: "an identity beside a key",
    env: { FDFWD_TELEPORT_KEY: "there.pem" },
    exitCode: 78,
    lines: [
      "teleport-identity: Configuration setting `identity` is mutually exclusive with the `cert`, `key` and `ca` settings. Remove teleport-identity, or teleport-key.",
    ],
  },
  {
    title: "a server in storage without a token",
    without: ["storage"],
    env: { FDFWD_STORAGE: "https://kv.test" },
    exitCode: 78,
    lines: [
      "storage-token-file: The server in storage wants a token, and none is given. Put its access token into DENO_KV_ACCESS_TOKEN, or into a file that storage-token-file names.",
    ],
  },
  {
    title: "a token from the environment beside one in a file",
    without: ["storage"],
    env: { FDFWD_STORAGE: "http://127.0.0.1:4512", DENO_KV_ACCESS_TOKEN: "hunter2" },
    args: ["--storage-token-file=there.pem"],
    exitCode: 78,
    lines: [
      "storage-token-file: The token is given both by the environment and as a file. Remove storage-token-file, or the variable.",
    ],
  },
  {
    title: "a server in storage that is talked to in clear",
    without: ["storage"],
    env: { FDFWD_STORAGE: "http://kv.test", FDFWD_STORAGE_TOKEN: "hunter2" },
    exitCode: 78,
    lines: [
      "storage: The token and the state would go over the network in clear, because the URL is http. Write https in the URL; or set storage-allow-http, where nobody else can listen.",
    ],
  },
  {
    title: "a lease that others take over before its holder has stopped",
    args: ["--lease-duration=10s"],
    exitCode: 78,
    lines: [
      "lease-renew-deadline: Must be shorter than lease-duration: a replica has to stop before others take over. Give two thirds of lease-duration, as in 10s of 15s.",
    ],
  },
  {
    title: "a lease that may be renewed once only",
    args: ["--lease-retry=6s"],
    exitCode: 78,
    lines: [
      "lease-retry: Must be at most half of lease-renew-deadline, so that a lease is renewed more than once. Give a fifth of lease-renew-deadline, as in 2s of 10s.",
    ],
  },
  {
    title: "a Fluentd certificate without its key",
    without: ["fluentd-key"],
    exitCode: 78,
    lines: [
      "fluentd-key: Both fluentd_cert and fluentd_key should be specified. Give fluentd-key too, or neither of them.",
    ],
  },
  {
    title: "a Fluentd key without its certificate",
    without: ["fluentd-cert"],
    exitCode: 78,
    lines: [
      "fluentd-cert: Both fluentd_cert and fluentd_key should be specified. Give fluentd-cert too, or neither of them.",
    ],
  },
  {
    title: "a Fluentd certificate that is wrong beside a key, without a second complaint",
    without: ["fluentd-cert"],
    env: { FDFWD_FLUENTD_CERT: "locked.pem" },
    exitCode: 78,
    lines: [
      'FDFWD_FLUENTD_CERT="locked.pem": The file cannot be read. Check the permissions of the file.',
    ],
  },
  {
    title: "a passphrase beside its file",
    args: ["--fluentd-key-passphrase-file=there.pem"],
    env: { FDFWD_FLUENTD_KEY_PASSPHRASE: "hunter2" },
    exitCode: 78,
    lines: [
      "fluentd-key-passphrase: The passphrase is given both as a value and as a file. Remove fluentd-key-passphrase or fluentd-key-passphrase-file.",
    ],
  },
  {
    title: "an environment variable that is wrong, though the file is right",
    toml: "batch = 20",
    env: { FDFWD_BATCH: "x" },
    exitCode: 78,
    lines: ['FDFWD_BATCH="x": Not a whole number. Give a whole number from 1 to 10000.'],
  },
];

testRefusals(RULES);
