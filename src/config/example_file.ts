import { parseList } from "./list_text.ts";
import { documentedTomlPathOf } from "./setting_names.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";
import { wrapText } from "./text_layout.ts";

/** What the example sets; everything else stands there as a comment. */
const SET_IN_EXAMPLE: ReadonlySet<SettingName> = new Set([
  "storage",
  "teleport-addr",
  "teleport-identity",
  "fluentd-url",
  "fluentd-session-url",
  "fluentd-ca",
  "fluentd-cert",
  "fluentd-key",
]);

/**
 * Renders a settings file with every setting that the file can hold, each with its doc line: the ones
 * that a start needs with an example value, the others commented out. Ends with a line end.
 */
export function renderExampleFile(): string {
  const sections = new Map<string, string[]>([["", []]]);
  for (const name of SETTING_NAMES) {
    const path = documentedTomlPathOf(name);
    if (path === undefined || settingOf(name).ignored !== undefined) continue;
    const dot = path.startsWith("forward.fluentd.") ? "forward.fluentd".length : path.indexOf(".");
    const section = path.slice(0, Math.max(dot, 0));
    const key = path.slice(dot + 1);
    sections.set(section, [...sections.get(section) ?? [], renderEntry(name, key)]);
  }
  return [...sections].map(([section, entries]) =>
    (section === "" ? "" : `[${section}]\n`) + entries.join("\n")
  ).join("\n");
}

function renderEntry(name: SettingName, key: string): string {
  const doc = wrapText(settingOf(name).doc, 96).map((line) => `# ${line}\n`).join("");
  return `${doc}${SET_IN_EXAMPLE.has(name) ? "" : "#"}${key} = ${renderValue(name)}\n`;
}

function renderValue(name: SettingName): string {
  const setting = settingOf(name);
  const text = setting.example ?? setting.default ?? "";
  if (setting.kind === "list") {
    return `[${parseList(text).map((e) => JSON.stringify(e)).join(", ")}]`;
  }
  return setting.kind === "int" || setting.kind === "bool" ? text : JSON.stringify(text);
}
