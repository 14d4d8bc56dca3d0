import { loadConfig } from "../../src/config/load_config.ts";
import type { SettingName } from "../../src/config/settings.ts";
import { FakeConfigFiles } from "./fake_config_files.ts";

/** Settings that a start needs, as lines of a settings file. */
const BASE: { readonly [name in SettingName]?: string } = {
  "fluentd-url": "https://localhost:8888/test.log",
  "fluentd-session-url": "https://localhost:8888/session",
  "fluentd-cert": "there.pem",
  "fluentd-key": "there.pem",
  "storage": "./storage",
  "teleport-identity": "there.pem",
};

/** What a test adds to the base. */
export interface BaseChanges {
  /** Arguments. @default {[]} */
  readonly args?: readonly string[];
  /** Environment. @default {{}} */
  readonly env?: { readonly [name: string]: string };
  /** Text of the settings file before the base. @default {""} */
  readonly toml?: string;
  /** Settings left out of the base. @default {[]} */
  readonly without?: readonly SettingName[];
  /** Whether the file is left to the environment to name. @default {false} */
  readonly withoutConfigFlag?: boolean;
}

/** Loads valid settings with changes. There are the files there.pem, secret.pem and handler.toml. */
export function loadChanged(changes: BaseChanges) {
  const base = Object.entries(BASE)
    .filter(([name]) => !changes.without?.includes(name as SettingName))
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  return loadConfig({
    args: [...changes.withoutConfigFlag ? [] : ["--config", "handler.toml"], ...changes.args ?? []],
    env: changes.env ?? {},
    files: new FakeConfigFiles({
      "handler.toml": `${base.join("")}${changes.toml ?? ""}`,
      "there.pem": "",
      "/home/me/there.pem": "",
      "empty.toml": "",
      "broken.toml": 'storage = "x"\nurl = hunter2\n',
      "folder": { state: "directory" },
      "locked.pem": { state: "unreadable" },
    }),
    homeDir: "/home/me",
  });
}
