import { renderExampleFile } from "./example_file.ts";
import { GROUPS } from "./setting.ts";
import { documentedTomlPathOf, environmentNamesOf, flagOf } from "./setting_names.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "./settings.ts";
import { describeDefault } from "./start_help.ts";
import { formatMarkdownTable, wrapText } from "./text_layout.ts";

/** Renders docs/configuration.md from the table of settings, laid out as `deno fmt` leaves it. */
export function renderConfigurationDocument(): string {
  return [
    "# Configuration\n",
    paragraph(
      "Generated from `src/config/settings.ts` by `scripts/docs.ts`. Change the table there, not this page.",
    ),
    ...prose(SOURCES),
    ...GROUPS.flatMap(renderGroup),
    ...prose(VALUES),
    ...prose(FILE),
    `\`\`\`toml\n${renderExampleFile()}\`\`\`\n`,
    "## Exit codes\n",
    formatMarkdownTable([
      ["code", "meaning"],
      ["0", "done, or stopped by SIGTERM or SIGINT"],
      ["1", "a fault while running, or a peer that `fail-fast` did not find"],
      ["2", "the command line is wrong"],
      ["78", "a setting, a file that it names, or a credential is wrong"],
      ["130, 143", "a second signal ended it at once: SIGINT, SIGTERM"],
    ]),
  ].join("\n");
}

const SOURCES = `## Where a value comes from

A setting is taken from the command line, else from the environment, else from the settings file, else it has its default. A value that is present but not valid is reported; it never gives way to a lower source. All problems are reported at once, each with the setting, its source, its value and what to do.

This differs from the official handler in one point: there the file wins over the environment. When both are set and differ, a warning says which one is used.

An environment variable that is set to the empty string counts as not set, except for a list, where it means none. Unknown keys of the file and unknown \`FDFWD_\` variables are warned of, with the nearest known name. Some variables of the official handler were spelled \`FDWRD_\`; both spellings are read.`;

const VALUES = `## How values are written

- A **duration** is a Go duration: \`300ms\`, \`5s\`, \`1.5h\`, \`1h30m\`; the units are \`ns\`, \`us\`, \`ms\`, \`s\`, \`m\` and \`h\`. A number without a unit is nanoseconds, as it was for the official handler, and is warned of.
- A **size** is a number of bytes with a unit: \`B\`, \`KiB\`, \`MiB\`, \`GiB\` and \`TiB\` count by 1024, \`KB\`, \`MB\`, \`GB\` and \`TB\` by 1000. A number without a unit is bytes.
- A **time** is an RFC 3339 time with its offset from UTC: \`2021-01-01T00:00:00Z\` or \`2021-01-01T09:00:00+09:00\`. Fractions of a second are cut off. The settings file may hold it in quotes or as a TOML date.
- A **list** is written with commas, \`print,desktop.recording\`; a comma inside of an entry is written \`\\,\`. The settings file may hold it as a TOML array. A flag may be repeated; its lists are joined.
- **True or false** may also be written 1, yes, on and 0, no, off. A flag alone means true: \`--debug\` is \`--debug=true\`.
- A **path** may begin with \`~/\`. A relative path starts at the directory that the program is run from.
- An **address** is \`host:port\` or \`[ipv6]:port\`.`;

const FILE = `## The settings file

\`--config\` names a TOML file. A flag's name becomes a key by the rules of the official handler: every dash may be a dot, so that \`teleport-addr\` is \`addr\` in the table \`[teleport]\`; the name may also stand as it is at the top level, \`teleport-addr\`. Names that begin with \`fluentd\` belong to the table \`[forward.fluentd]\`, where dashes may stay: \`session-url\`. A \`[fluentd]\` table is read likewise; where both hold a key, \`[forward.fluentd]\` wins.

This file shows every setting; what is commented out shows a default or an example.`;

function renderGroup(group: typeof GROUPS[number]): readonly string[] {
  const names = SETTING_NAMES.filter((name) => settingOf(name).group === group);
  return [
    `## ${group}\n`,
    formatMarkdownTable([
      ["flag", "environment", "settings file", "default", "what it does"],
      ...names.map(renderRow),
    ]),
  ];
}

function renderRow(name: SettingName): readonly string[] {
  const setting = settingOf(name);
  const flag = flagOf(name);
  const flags = setting.short === undefined ? [flag] : [flag, `-${setting.short}`];
  const kindDoc = setting.kind === "choice" ? `: ${setting.choices.join(", ")}` : "";
  return [
    flag === undefined ? "none" : flags.map((text) => code(text!)).join(", "),
    environmentNamesOf(name).map(code).join(", "),
    renderTomlPath(name),
    renderDefault(name),
    setting.doc + kindDoc,
  ];
}

function renderTomlPath(name: SettingName): string {
  const path = documentedTomlPathOf(name);
  if (path === undefined) return "none";
  const section = /^(forward\.fluentd|[^.]+)\.(.+)$/.exec(path);
  return section === null ? code(path) : code(`[${section[1]}] ${section[2]}`);
}

function renderDefault(name: SettingName): string {
  const setting = settingOf(name);
  if (setting.required) return "required";
  if (setting.unset !== undefined) return setting.unset;
  const text = setting.kind === "bool" ? setting.default! : describeDefault(setting);
  return text === "" ? "none" : code(text);
}

function code(text: string): string {
  return `\`${text}\``;
}

function prose(text: string): readonly string[] {
  return text.split("\n\n").map((block) => {
    if (block.startsWith("#")) return `${block}\n`;
    if (!block.startsWith("- ")) return paragraph(block);
    return block.split("\n").map((item) => `- ${wrapText(item.slice(2), 98).join("\n  ")}\n`).join(
      "",
    );
  });
}

function paragraph(text: string): string {
  return `${wrapText(text, 100).join("\n")}\n`;
}
