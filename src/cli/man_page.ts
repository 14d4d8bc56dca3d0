import { documentedTomlPathOf, environmentNamesOf } from "../config/setting_names.ts";
import { GROUPS } from "../config/setting.ts";
import { SETTING_NAMES, type SettingName, settingOf } from "../config/settings.ts";
import { describeDefault, formatFlag } from "../config/start_help.ts";
import type { CommandFlag } from "./command_flag.ts";
import type { CommandRow } from "./command_table.ts";
import { boldAll, escapeRoff, paragraph, section, subsection, tagged } from "./roff.ts";
import { PROGRAM } from "./usage.ts";
import { VERSION } from "./version.ts";

/** Formats the manual page from the tables of commands and of settings, as roff (man macros). */
export function formatManPage(commands: readonly CommandRow[]): string {
  const title = PROGRAM.toUpperCase();
  return [
    `.TH "${escapeRoff(title)}" "1" "" "${PROGRAM} ${VERSION}" "User Commands"\n.nh\n.ad l\n`,
    section(
      "NAME",
      `${escapeRoff(PROGRAM)} \\- forward the audit log of Teleport to Fluentd\n`,
    ),
    section("SYNOPSIS", commands.map(formatSynopsis).join(".br\n")),
    section("DESCRIPTION", DESCRIPTION.map(paragraph).join("")),
    section("COMMANDS", commands.map(formatCommand).join("")),
    section("SETTINGS", paragraph(PRECEDENCE) + GROUPS.map(formatGroup).join("")),
    section("SIGNALS", SIGNALS.map(([name, text]) => tagged(boldAll(name), text)).join("")),
    section("EXIT STATUS", EXIT.map(([code, text]) => tagged(boldAll(code), text)).join("")),
    section("EXAMPLES", EXAMPLES.map(formatExample).join("")),
    section(
      "SEE ALSO",
      paragraph("Teleport's tctl and tbot; https://docs.fluentd.org/input/http"),
    ),
  ].join("");
}

const DESCRIPTION = [
  "Teleport keeps an audit log. This program reads it over mutual TLS, posts it as JSON to Fluentd " +
  "over mutual TLS, and remembers how far it got: a crash or an outage of either side loses nothing.",
  "The way to begin: configure writes the certificates and the configurations, doctor says whether " +
  "everything is as a start needs it, and start forwards events until it is stopped.",
];

const PRECEDENCE =
  "Each setting is taken from the flag, else the environment, else the settings file, else the " +
  "default. A flag without a value can be switched off: --debug=false.";

const SIGNALS = [
  ["SIGTERM, SIGINT", "End once Fluentd has answered; a second one ends at once."],
] as const;

const EXIT = [
  ["0", "Done, or stopped by a signal; of doctor: all is well, or there are warnings only."],
  ["1", "A fault while running; of doctor: something does not work."],
  ["2", "The command line is wrong."],
  ["78", "A setting, a certificate or a key is wrong."],
] as const;

const EXAMPLES = [
  ["Write everything that is needed into this folder", `${PROGRAM} configure .`],
  ["Try it", `${PROGRAM} doctor --config teleport-event-handler.toml`],
  ["Forward events", `${PROGRAM} start --config teleport-event-handler.toml`],
  ["Complete commands and flags in this shell", `source <(${PROGRAM} completion bash)`],
] as const;

function formatSynopsis({ name, synopsis }: CommandRow): string {
  return `${boldAll(`${PROGRAM} ${name}`)} ${escapeRoff(synopsis)}`.trimEnd() + "\n";
}

function formatCommand({ flags, name, summary, synopsis }: CommandRow): string {
  const own = flags().filter(({ long }) =>
    long !== "--help" && (name === "configure" || !isSettingFlag(long))
  );
  const head = `${boldAll(name)} ${escapeRoff(synopsis)}`.trimEnd();
  const text = summary.charAt(0).toUpperCase() + summary.slice(1) + ".";
  return tagged(head, text) +
    (own.length === 0 ? "" : ".RS\n" + own.map(formatCommandFlag).join("") + ".RE\n");
}

function isSettingFlag(long: string): boolean {
  return SETTING_NAMES.some((name) => `--${name}` === long);
}

function formatCommandFlag({ doc, long, short, value }: CommandFlag): string {
  const names = boldAll(short === undefined ? long : `${short}, ${long}`);
  return tagged(
    value === undefined ? names : `${names} ${escapeRoff(value.placeholder)}`,
    `${doc}.`,
  );
}

function formatGroup(group: typeof GROUPS[number]): string {
  const names = SETTING_NAMES.filter((name) =>
    settingOf(name).group === group && settingOf(name).ignored === undefined
  );
  return names.length === 0 ? "" : subsection(group) + names.map(formatSetting).join("");
}

function formatSetting(name: SettingName): string {
  const setting = settingOf(name);
  const [flag, placeholder = ""] = splitLast(formatFlag(name) ?? `--${name}`, setting.kind);
  const head = formatFlag(name) === undefined
    ? boldAll(environmentNamesOf(name)[0] ?? name)
    : `${boldAll(flag)} ${escapeRoff(placeholder)}`.trimEnd();
  const otherwise = describeDefault(setting);
  const facts = [
    setting.required ? "Required." : "",
    setting.kind === "choice" ? `One of ${setting.choices.join(", ")}.` : "",
    otherwise === "" ? "" : `Default: ${otherwise}.`,
    `Environment: ${environmentNamesOf(name)[0]}.`,
    documentedTomlPathOf(name) === undefined ? "" : `File: ${documentedTomlPathOf(name)}.`,
  ].filter((fact) => fact !== "");
  return tagged(head, `${setting.doc}. ${facts.join(" ")}`);
}

/** Parts "-c, --config FILE" into the flag and what follows it. */
function splitLast(text: string, kind: string): readonly [string, string?] {
  const at = text.lastIndexOf(" ");
  return kind === "bool" || at === -1 || !text.slice(0, at).includes("--")
    ? [text]
    : [text.slice(0, at), text.slice(at + 1)];
}

function formatExample([text, command]: readonly [string, string]): string {
  return paragraph(`${text}:`) + `.PP\n.RS 4\n.nf\n${escapeRoff(command)}\n.fi\n.RE\n`;
}
