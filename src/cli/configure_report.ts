import type { ConfigureReport } from "../setup/configure.ts";
import { FLUENT_CONF } from "../setup/fluent_conf.ts";
import { NEXT_STEPS, nextCommands } from "../setup/next_steps.ts";
import { type SetupOptions, shownPath } from "../setup/setup_options.ts";
import { formatVersion } from "./version.ts";

/** Formats what was done for a person: numbered as by the official handler, then what comes next. */
export function formatConfigureReport(report: ConfigureReport, options: SetupOptions): string {
  const { certificates, groups, madeFolder } = report;
  const steps = groups.map(({ files, title, written }, i) =>
    `[${i + 1}] ${written ? title : "Kept"} ${files.join(", ")}\n`
  );
  if (!groups.some(({ written }) => written)) return `${steps.join("")}\nNothing was written.\n`;
  const end = certificates[0] === undefined
    ? ""
    : `The certificates are good until ${formatDay(certificates[0].notAfterMs)}. `;
  return [
    formatVersion() + "\n",
    (madeFolder ? `Made the folder ${options.folder}\n` : "") + steps.join(""),
    end + describePassphrase(report, options) + "\n",
    describeNext(options),
  ].join("\n");
}

/** Formats what was done for a program. It holds no secret. */
export function formatConfigureJson(report: ConfigureReport, options: SetupOptions): string {
  const list = (written: boolean) =>
    report.groups.filter((group) => group.written === written).flatMap(({ files }) => files);
  return JSON.stringify(
    {
      folder: options.folder,
      madeFolder: report.madeFolder,
      written: list(true),
      kept: list(false),
      certificates: report.certificates.map(({ file, notAfterMs, notBeforeMs, subject }) => ({
        file: shownPath(options, file),
        subject,
        notBefore: formatTime(notBeforeMs),
        notAfter: formatTime(notAfterMs),
      })),
      passphrase: report.passphrase,
    },
    undefined,
    2,
  ) + "\n";
}

function describePassphrase({ passphrase }: ConfigureReport, options: SetupOptions): string {
  const key = shownPath(options, `${options.names.server}.key`);
  const conf = shownPath(options, FLUENT_CONF);
  switch (passphrase) {
    case "generated":
      return `A passphrase for ${key} was made up; it is in ${conf}.`;
    case "given":
      return `${key} is encrypted with the passphrase given, which is also in ${conf}.`;
    case "none":
      return `${key} is not encrypted.`;
    case "kept":
      return `${key} and its passphrase stay as they were.`;
    case "unknown":
      return `The passphrase of ${key} is not known: write it to ${conf}.`;
  }
}

function describeNext(options: SetupOptions): string {
  const commands = nextCommands(options);
  const teleport = [commands.login, commands.createRole, commands.signIdentity]
    .filter((command) => command !== undefined);
  const steps = [...teleport, commands.runFluentd, commands.start]
    .map((command) => `  ${command.replaceAll("\n", "\n  ")}\n`).join("");
  const proxy = options.isProxy
    ? `${options.address} is taken for the Teleport Proxy Service, which passes on to the Auth Service.\n\n`
    : "";
  const destinations = options.destinations.length === 0
    ? ""
    : ` and how to go on to ${options.destinations.join(", ")}`;
  return `${proxy}What to do next:

${steps}
${shownPath(options, NEXT_STEPS)} explains these commands${destinations}.
`;
}

function formatDay(timeMs: number): string {
  return formatTime(timeMs).slice(0, 10);
}

function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, "Z");
}
