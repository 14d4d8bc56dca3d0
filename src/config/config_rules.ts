import type { ConfigProblem } from "./config_problem.ts";
import { isLoopbackUrl, isUrlText } from "./url_text.ts";
import type { SettingName } from "./settings.ts";

/** The settings as the rules between them see them. */
export interface GivenSettings {
  /** Whether a setting was given, validly or not. */
  has(name: SettingName): boolean;
  /** The valid value of a setting, given or default; undefined when it has none. */
  get(name: SettingName): unknown;
}

/** Checks the rules between settings and returns every one that is broken. */
export function checkConfigRules(given: GivenSettings): readonly ConfigProblem[] {
  return [
    ...checkRequired(given),
    ...checkTeleportCredentials(given),
    ...checkFluentdKeyPair(given),
    ...checkPassphrase(given),
    ...checkPlainHttp(given),
    ...checkStorageServer(given),
    ...checkLease(given),
  ];
}

/** Finds combinations of settings that work, but hardly as meant. */
export function findDoubtfulSettings(given: GivenSettings): readonly string[] {
  const warnings: string[] = [];
  const types = listOf(given, "types");
  if (types.length > 0 && !types.includes("session.upload")) {
    warnings.push(
      "No session recordings will be forwarded, because types does not name session.upload",
    );
  }
  if (listOf(given, "skip-event-types").includes("session.upload")) {
    warnings.push(
      "No session recordings will be forwarded, because skip-event-types names session.upload",
    );
  }
  for (const name of ["types", "skip-event-types", "skip-session-types"] as const) {
    const pattern = listOf(given, name).find((type) => /[*?]/.test(type));
    if (pattern === undefined) continue;
    warnings.push(
      `${name} names ${
        JSON.stringify(pattern)
      }, which matches no event: types are compared exactly`,
    );
  }
  for (const name of ["fluentd-url", "fluentd-session-url"] as const) {
    const url = given.get(name);
    if (typeof url === "string" && isPlain(url) && !isLoopbackUrl(url)) {
      warnings.push(`${name} sends events over the network in clear. Use https`);
    }
  }
  const storage = String(given.get("storage") ?? "");
  if (isUrlText(storage) && isPlain(storage) && !isLoopbackUrl(storage)) {
    warnings.push("storage sends its token and the state over the network in clear. Use https");
  }
  if (given.has("fluentd-key-passphrase") && !given.has("fluentd-key")) {
    warnings.push("fluentd-key-passphrase has no effect without fluentd-key");
  }
  return warnings;
}

function checkRequired(given: GivenSettings): ConfigProblem[] {
  const names = ["fluentd-url", "fluentd-session-url", "storage"] as const;
  return names.filter((name) => !given.has(name)).map((name) =>
    problem(name, "Is required, but not set", HOW_TO_SET[name])
  );
}

const HOW_TO_SET = {
  "fluentd-url":
    "Give --fluentd-url https://localhost:8888/test.log, or url under [forward.fluentd]",
  "fluentd-session-url":
    "Give --fluentd-session-url https://localhost:8888/session, or session-url under [forward.fluentd]",
  "storage": "Give --storage ./storage, or storage in the settings file",
};

function checkTeleportCredentials(given: GivenSettings): ConfigProblem[] {
  const trio = ["cert", "key", "ca"] as const;
  const there = trio.filter((part) => given.has(`teleport-${part}`));
  const missing = trio.filter((part) => !given.has(`teleport-${part}`));
  if (given.has("teleport-identity")) {
    if (there.length === 0) return [];
    return [problem(
      "teleport-identity",
      "Configuration setting `identity` is mutually exclusive with the `cert`, `key` and `ca` settings",
      `Remove teleport-identity, or ${there.map((part) => `teleport-${part}`).join(", ")}`,
    )];
  }
  if (there.length === 0) {
    return [problem(
      "teleport-identity",
      "Neither `identity` file nor `cert`, `key` and `ca` files configured",
      "Make an identity file with tctl auth sign, and give it with --teleport-identity",
    )];
  }
  if (missing.length === 0) return [];
  return [problem(
    `teleport-${missing[0]!}`,
    `Configuration setting(s) ${quoteTeleport(there)} are provided but setting(s) ${
      quoteTeleport(missing)
    } are missing`,
    `Give ${missing.map((part) => `teleport-${part}`).join(", ")} too`,
  )];
}

function quoteTeleport(parts: readonly string[]): string {
  return parts.map((part) => `\`teleport.${part}\``).join(", ");
}

function checkFluentdKeyPair(given: GivenSettings): ConfigProblem[] {
  if (given.has("fluentd-cert") === given.has("fluentd-key")) return [];
  const missing = given.has("fluentd-cert") ? "fluentd-key" : "fluentd-cert";
  return [problem(
    missing,
    "Both fluentd_cert and fluentd_key should be specified",
    `Give ${missing} too, or neither of them`,
  )];
}

function checkPassphrase(given: GivenSettings): ConfigProblem[] {
  if (!given.has("fluentd-key-passphrase") || !given.has("fluentd-key-passphrase-file")) return [];
  return [problem(
    "fluentd-key-passphrase",
    "The passphrase is given both as a value and as a file",
    "Remove fluentd-key-passphrase or fluentd-key-passphrase-file",
  )];
}

function checkPlainHttp(given: GivenSettings): ConfigProblem[] {
  if (!given.has("fluentd-cert") && !given.has("fluentd-key")) return [];
  const names = ["fluentd-url", "fluentd-session-url"] as const;
  return names.filter((name) => isPlain(String(given.get(name) ?? ""))).map((name) =>
    problem(
      name,
      "The client certificate cannot be used, because the URL is http",
      "Write https in the URL, or remove fluentd-cert and fluentd-key",
    )
  );
}

function checkStorageServer(given: GivenSettings): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (given.has("storage-token") && given.has("storage-token-file")) {
    problems.push(problem(
      "storage-token-file",
      "The token is given both by the environment and as a file",
      "Remove storage-token-file, or the variable",
    ));
  }
  const storage = String(given.get("storage") ?? "");
  if (!isUrlText(storage)) return problems;
  if (!given.has("storage-token") && !given.has("storage-token-file")) {
    problems.push(problem(
      "storage-token-file",
      "The server in storage wants a token, and none is given",
      "Put its access token into DENO_KV_ACCESS_TOKEN, or into a file that storage-token-file names",
    ));
  }
  if (isPlain(storage) && !isLoopbackUrl(storage) && given.get("storage-allow-http") !== true) {
    problems.push(problem(
      "storage",
      "The token and the state would go over the network in clear, because the URL is http",
      "Write https in the URL; or set storage-allow-http, where nobody else can listen",
    ));
  }
  return problems;
}

/** Who loses its lease must know before others do, and try more than once. */
function checkLease(given: GivenSettings): ConfigProblem[] {
  const [duration, deadline, retry] = ([
    "lease-duration",
    "lease-renew-deadline",
    "lease-retry",
  ] as const).map((name) => given.get(name) as number | undefined);
  if (duration === undefined || deadline === undefined || retry === undefined) return [];
  const problems: ConfigProblem[] = [];
  if (deadline >= duration) {
    problems.push(problem(
      "lease-renew-deadline",
      "Must be shorter than lease-duration: a replica has to stop before others take over",
      "Give two thirds of lease-duration, as in 10s of 15s",
    ));
  }
  if (2 * retry > deadline) {
    problems.push(problem(
      "lease-retry",
      "Must be at most half of lease-renew-deadline, so that a lease is renewed more than once",
      "Give a fifth of lease-renew-deadline, as in 2s of 10s",
    ));
  }
  return problems;
}

function isPlain(url: string): boolean {
  return /^http:/i.test(url);
}

function listOf(given: GivenSettings, name: SettingName): readonly string[] {
  return given.get(name) as readonly string[] | undefined ?? [];
}

function problem(setting: SettingName, ...[text, hint]: readonly [string, string]): ConfigProblem {
  return { kind: "config", setting, source: undefined, value: undefined, problem: text, hint };
}
