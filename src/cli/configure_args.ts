import { isIP } from "node:net";
import { isAbsolute, relative, resolve } from "node:path";
import { domainToASCII } from "node:url";
import { Command, CommanderError, Option } from "commander";
import { formatAddress, parseAddress } from "../config/address_text.ts";
import { InvalidValue } from "../config/invalid_value.ts";
import { isBareNumber, parseDuration } from "../core/duration.ts";
import { Fault } from "../core/fault.ts";
import {
  DESTINATION_NAMES,
  type DestinationName,
  type SetupOptions,
} from "../setup/setup_options.ts";

/** What the command line of `configure` says. */
export interface ConfigureArgs {
  readonly options: SetupOptions;
  readonly force: boolean;
  readonly json: boolean;
  /** What was assumed. One sentence each. */
  readonly notices: readonly string[];
}

/** What commander makes of the flags. */
interface Flags {
  readonly ttl: string;
  readonly dnsNames?: readonly string[];
  readonly ip?: readonly string[];
  readonly length?: string;
  readonly keyType: "rsa" | "ecdsa";
  readonly for?: readonly string[];
  readonly encryptServerKey: boolean;
  readonly autoLock?: true;
  readonly classicFluentConf?: true;
  readonly force?: true;
  readonly json?: true;
}

const HELP_WIDTH = 100;
const DEFAULT_RSA_BITS = 4096;
const MIN_TTL_MS = 60_000;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const DNS_NAME =
  /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Declares the command with its arguments and flags, for parsing and for its help. */
export function createConfigureCommand(): Command {
  return new Command("configure")
    .usage("[FLAG...] OUT [ADDR [CA-NAME [SERVER-NAME [CLIENT-NAME]]]]")
    .description(
      "Write everything that is needed from Teleport to Fluentd and behind it: certificates, a role " +
        "and user for Teleport, configurations for Fluentd and the event handler, values for Helm, " +
        "and NEXT-STEPS.md with the commands that come next. Either all of it is written or nothing.",
    )
    .argument("<out>", "folder to write to; made when missing")
    .argument(
      "[addr]",
      "Teleport's auth server, or the web address of its proxy such as teleport.example.com:443",
      "localhost:3025",
    )
    .argument("[ca-name]", "name of the files for the CA, without extension", "ca")
    .argument("[server-name]", "the same for the server certificate", "server")
    .argument("[client-name]", "the same for the client certificate", "client")
    .option("--ttl <duration>", "how long the certificates are good for", "87600h")
    .addOption(listOption("--dns-names <list>", "names of Fluentd's host (default: localhost)"))
    .addOption(listOption(
      "--ip <list>",
      "addresses of Fluentd's host (default: 127.0.0.1 and ::1 with localhost, else none)",
    ))
    .addOption(
      new Option("--key-type <type>", "kind of keys").choices(["rsa", "ecdsa"]).default("rsa"),
    )
    .option(
      "--length <bits>",
      `size of RSA keys: 2048, 3072 or 4096 (default: ${DEFAULT_RSA_BITS})`,
    )
    .option("--no-encrypt-server-key", "leave the key of the Fluentd server unencrypted")
    .addOption(listOption(
      "--for <destination>",
      `write what Fluentd needs to send on: ${["fluentd", ...DESTINATION_NAMES].join(", ")}; ` +
        "may be repeated",
    ))
    .option("--auto-lock", "let the event handler lock users after too many failed logins")
    .option("--classic-fluent-conf", "write the fluent.conf of the official event handler")
    .addOption(new Option("--output <kind>", "only fluentd").choices(["fluentd"]).hideHelp())
    .option("-f, --force", "replace existing files without a question")
    .option("--json", "print what was written as JSON")
    // Flags of the official handler that may stand before the command's name.
    .addOption(new Option("-d, --debug").hideHelp())
    .addOption(new Option("-c, --config <file>").hideHelp())
    .helpOption("-h, --help", "show this text")
    .addHelpText("after", HELP_ENDING)
    .configureOutput({
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      writeOut: () => {},
      writeErr: () => {},
    })
    .exitOverride();
}

const HELP_ENDING = `
The server key is encrypted. Its passphrase is asked for at a terminal, or read from standard input;
where there is none, one is made up. It is written to fluent.conf.

Examples:
  teleport-event-handler configure .
  teleport-event-handler configure . teleport.example.com:443 --for panther
  teleport-event-handler configure /etc/fluentd --dns-names fluentd.example.com --ip 192.0.2.7
  teleport-event-handler configure out --force --json < passphrase.txt
`;

/**
 * Parses the arguments of `configure`, without the word itself, and checks every value.
 *
 * @throws {Fault} Of kind `usage`.
 */
export function parseConfigureArgs(args: readonly string[], workingFolder: string): ConfigureArgs {
  const command = parseWith(createConfigureCommand(), args);
  const [out = "", addr = "", ca = "", server = "", client = ""] = command.processedArgs;
  const flags = command.opts<Flags>();
  const notices: string[] = [];
  const dnsNames = unique(splitLists(flags.dnsNames ?? ["localhost"]).map(parseDnsName));
  const ipAddresses = flags.ip === undefined
    ? (dnsNames.includes("localhost") ? ["127.0.0.1", "::1"] : [])
    : unique(splitLists(flags.ip).map(parseIp));
  if (dnsNames.length + ipAddresses.length === 0) {
    throw usage("--dns-names", "Is empty, and there is no --ip", "Name the host of Fluentd");
  }
  return {
    options: {
      folder: parseFolder(out),
      shownFolder: showFolder(out, workingFolder),
      workingFolder,
      ...parseTeleportAddress(addr, notices),
      names: parseNames({ ca, server, client }),
      ttlMs: parseTtl(flags.ttl),
      dnsNames,
      ipAddresses,
      keyType: flags.keyType,
      rsaBits: parseLength(flags),
      encryptServerKey: flags.encryptServerKey,
      destinations: parseDestinations(flags.for ?? []),
      autoLock: flags.autoLock ?? false,
      classicFluentConf: flags.classicFluentConf ?? false,
    },
    force: flags.force ?? false,
    json: flags.json ?? false,
    notices,
  };
}

function listOption(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser<readonly string[]>((text, before) => [...before ?? [], text]);
}

function parseWith(command: Command, args: readonly string[]): Command {
  try {
    return command.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const text = error.message.replace(/^error: /, "").replace(/\.$/, "").replace(/\s*\n\s*/g, " ");
    throw new Fault("usage", text.charAt(0).toUpperCase() + text.slice(1), {
      hint: "See configure --help",
    });
  }
}

function parseFolder(text: string): string {
  if (text === "" || /[\p{Cc}"\\`$]/u.test(text)) {
    throw usage("OUT", "Is empty or holds a quote, a backslash or the like", "Give a folder", text);
  }
  return text.replace(/(?<=.)\/+$/, "");
}

/** As the Go handler shows paths: from the working folder on, unless that would lead upwards. */
function showFolder(text: string, workingFolder: string): string {
  const absolute = resolve(workingFolder, text);
  const shown = relative(workingFolder, absolute);
  if (shown === "") return "";
  return isAbsolute(text) || shown.startsWith("..") ? absolute : shown;
}

function parseTeleportAddress(
  text: string,
  notices: string[],
): { readonly address: string; readonly isProxy: boolean } {
  const isCloud = /\.teleport\.sh\b/i.test(text);
  try {
    const address = parseAddress(
      text,
      isCloud ? 443 : 3025,
      (notice) => notices.push(`ADDR ${JSON.stringify(text)}: ${notice}`),
    );
    const isProxy = isCloud || [443, 3080].includes(address.port);
    return { address: formatAddress(address), isProxy };
  } catch (error) {
    if (error instanceof InvalidValue) throw usage("ADDR", error.message, error.hint, text);
    throw error;
  }
}

function parseNames(names: SetupOptions["names"]): SetupOptions["names"] {
  for (const [which, name] of Object.entries(names)) {
    if (!NAME.test(name) || name.includes("..")) {
      const hint = "Use letters, digits, dots, dashes and underscores; it is no path";
      throw usage(`${which.toUpperCase()}-NAME`, "Cannot be the name of a file", hint, name);
    }
  }
  const { ca, server, client } = names;
  if (new Set([ca, server, client].map((name) => name.toLowerCase())).size < 3) {
    const hint = "Give three different names";
    throw usage("CA-NAME, SERVER-NAME and CLIENT-NAME", "Name the same files", hint);
  }
  return names;
}

function parseTtl(text: string): number {
  const hint = "Write it like 8760h";
  if (isBareNumber(text)) throw usage("--ttl", "Lacks a unit", hint, text);
  try {
    const ttlMs = parseDuration(text);
    if (ttlMs >= MIN_TTL_MS) return ttlMs;
  } catch (error) {
    if (error instanceof Error) throw usage("--ttl", error.message, hint, text);
    throw error;
  }
  throw usage("--ttl", "Certificates must be good for a minute at least", hint, text);
}

function parseDnsName(text: string): string {
  const name = domainToASCII(text) || text;
  if (isIP(text) !== 0) throw usage("--dns-names", "Is an address", `Write --ip ${text}`, text);
  if (name.length <= 253 && DNS_NAME.test(name)) return name.toLowerCase();
  throw usage("--dns-names", "Is not a DNS name", "Write it like fluentd.example.com", text);
}

function parseIp(text: string): string {
  if (isIP(text) !== 0 && !text.includes("%")) return text;
  throw usage("--ip", "Is not an IP address", "Write it like 192.0.2.7 or 2001:db8::7", text);
}

function parseLength({ keyType, length }: Flags): number {
  if (length === undefined) return DEFAULT_RSA_BITS;
  if (keyType !== "rsa") {
    throw usage("--length", "Is for RSA keys alone", "Remove it, or write --key-type rsa", length);
  }
  if (["2048", "3072", "4096"].includes(length)) return Number(length);
  const hint = "Write 2048, 3072 or 4096";
  throw length === "1024"
    ? usage("--length", "RSA keys of 1024 bits are too weak, and TLS refuses them", hint, length)
    : usage("--length", "Is not a size of RSA keys", hint, length);
}

function parseDestinations(texts: readonly string[]): readonly DestinationName[] {
  return unique(
    splitLists(texts).flatMap((text) => {
      if (text === "fluentd") return [];
      const name = DESTINATION_NAMES.find((name) => name === text.toLowerCase());
      if (name !== undefined) return [name];
      const hint = `Write one of fluentd, ${DESTINATION_NAMES.join(", ")}`;
      throw usage("--for", "Is not a known destination", hint, text);
    }),
  );
}

function splitLists(texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => text.split(",")).map((text) => text.trim())
    .filter((text) => text !== "");
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

function usage(
  ...[subject, problem, hint, value]: readonly [string, string, string, string?]
): Fault {
  const shown = value === undefined ? "" : ` ${JSON.stringify(value)}`;
  return new Fault("usage", `${subject}${shown}: ${problem}`, { hint });
}
