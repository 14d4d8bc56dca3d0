/**
 * What `configure` does, from the checked options to the written files: look at the folder, ask about
 * what is there, make certificates, render, and write everything at once or nothing.
 *
 * Each destination gets a fluent.conf of its own that is complete in itself, and not a part to be
 * included: Fluentd sends an event to the first `<match>` that fits alone, so that a part would never
 * see an event behind the printing of fluent.conf; and one file is mounted, read and mailed more
 * easily than two that must agree.
 */
import { Fault } from "../core/fault.ts";
import { decryptPrivateKey, PrivateKeyError } from "../tls/private_key.ts";
import {
  certificateFileNames,
  type CertificateReport,
  issueCertificateSet,
} from "./certificate_set.ts";
import {
  destinationConfName,
  destinationOf,
  dockerfileName,
  renderDestinationConf,
  renderDockerfile,
} from "./destination.ts";
import { reasonOf, type SetupDisk, writeFileSet } from "./file_set.ts";
import { FLUENT_CONF, renderClassicFluentConf, renderFluentConf } from "./fluent_conf.ts";
import { findFluentPassphrase, UNKNOWN_PASSPHRASE } from "./fluent_source.ts";
import { HANDLER_TOML, renderHandlerToml } from "./handler_toml.ts";
import { HELM_VALUES, renderHelmValues } from "./helm_values.ts";
import { NEXT_STEPS, renderNextSteps } from "./next_steps.ts";
import { renderRole, ROLE_FILE } from "./role_file.ts";
import { inspectFolder } from "./setup_folder.ts";
import { type SetupFile, type SetupOptions, shownPath } from "./setup_options.ts";

/** What the command needs of whoever runs it. */
export interface SetupDialogue {
  /** Asks a question that is answered by yes or no; undefined where nobody can be asked. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
  /** Reads the passphrase for a new server key; undefined when one is to be made up. */
  readPassphrase(): Promise<string | undefined>;
}

/** Everything that the command runs with. */
export interface ConfigureInput {
  readonly options: SetupOptions;
  /** Whether existing files are replaced without a question. */
  readonly force: boolean;
  readonly nowMs: number;
  readonly dialogue: SetupDialogue;
  /** @default {the disk of the machine} */
  readonly disk?: SetupDisk;
}

/** A group of files that was written or kept as one. */
export interface GroupReport {
  /** What it is, as in "Generated …". */
  readonly title: string;
  readonly files: readonly string[];
  /** Whether it was written; otherwise what was there stays. */
  readonly written: boolean;
}

/** What was done. */
export interface ConfigureReport {
  readonly groups: readonly GroupReport[];
  /** The new certificates; empty when the old ones stay. */
  readonly certificates: readonly CertificateReport[];
  /** Where the passphrase of the server key came from. */
  readonly passphrase: "generated" | "given" | "none" | "kept" | "unknown";
  /** Whether the folder was made. */
  readonly madeFolder: boolean;
}

/** Files that are asked about, and written, as one. */
interface Group {
  readonly title: string;
  readonly names: readonly string[];
  /** Renders the files, given the passphrase of the server key; the certificates are made. */
  readonly render?: (passphrase: string | undefined) => readonly SetupFile[];
}

/**
 * Writes everything that a person needs from Teleport to Fluentd and behind it.
 *
 * @throws {Fault} When files are in the way, or the disk says no. Nothing has changed then.
 */
export async function configure(input: ConfigureInput): Promise<ConfigureReport> {
  const { options, nowMs } = input;
  const groups = listGroups(options);
  const folder = inspectFolder(options.folder, groups.flatMap(({ names }) => names));
  const chosen = await chooseGroups(groups, folder.existing, input);
  const makesCertificates = chosen.has(groups[0]!);
  const secret = makesCertificates
    ? await choosePassphrase(input)
    : findKeptPassphrase(options, folder.existing);
  const set = makesCertificates
    ? await issueCertificateSet(options, { nowMs, passphrase: secret.passphrase })
    : undefined;
  const files = [...chosen].flatMap(({ render }) =>
    render?.(secret.passphrase) ?? set?.files ?? []
  );
  if (files.length > 0) {
    writeFileSet(files, {
      folder: options.folder,
      newFolders: folder.missing,
      existing: folder.existing,
      ...(input.disk === undefined ? {} : { disk: input.disk }),
    });
  }
  return {
    groups: groups.map((group) => ({
      title: group.title,
      files: group.names.map((name) => shownPath(options, name)),
      written: chosen.has(group),
    })),
    certificates: set?.certificates ?? [],
    passphrase: secret.source,
    madeFolder: folder.missing.length > 0,
  };
}

function listGroups(options: SetupOptions): readonly Group[] {
  const { names } = options;
  const conf = options.classicFluentConf ? renderClassicFluentConf : renderFluentConf;
  return [
    {
      title: "Generated mTLS Fluentd certificates",
      names: certificateFileNames(options),
    },
    single("Generated sample teleport-event-handler role and user file", {
      name: ROLE_FILE,
      render: () => renderRole(options),
    }),
    single("Generated sample fluentd configuration file", {
      name: FLUENT_CONF,
      secret: true,
      render: (passphrase) => conf({ names, passphrase }),
    }),
    single("Generated plugin configuration file", {
      name: HANDLER_TOML,
      secret: true,
      render: () => renderHandlerToml(options),
    }),
    single("Generated plugin Helm values file", {
      name: HELM_VALUES,
      render: () => renderHelmValues(options),
    }),
    ...options.destinations.flatMap((name) => [
      single(`Generated fluentd configuration file for ${destinationOf(name).title}`, {
        name: destinationConfName(name),
        secret: true,
        render: (passphrase) => renderDestinationConf(name, { names, passphrase }),
      }),
      single(`Generated Dockerfile of fluentd for ${destinationOf(name).title}`, {
        name: dockerfileName(name),
        render: () => renderDockerfile(name),
      }),
    ]),
    single("Generated guide to the next steps", {
      name: NEXT_STEPS,
      render: () => renderNextSteps(options),
    }),
  ];
}

function single(title: string, file: {
  readonly name: string;
  readonly secret?: boolean;
  readonly render: (passphrase: string | undefined) => string;
}): Group {
  const { name, render, secret = false } = file;
  return {
    title,
    names: [name],
    render: (passphrase) => [{ name, secret, text: render(passphrase) }],
  };
}

/** Decides which groups are written. Nothing that exists is replaced without a word. */
async function chooseGroups(
  groups: readonly Group[],
  existing: ReadonlySet<string>,
  { dialogue, force, options }: ConfigureInput,
): Promise<ReadonlySet<Group>> {
  const there = (group: Group) => group.names.filter((name) => existing.has(name));
  if (force || existing.size === 0) return new Set(groups);
  if (dialogue.confirm === undefined) {
    const paths = groups.flatMap(there).map((name) => shownPath(options, name)).join(", ");
    throw new Fault("state", `Cannot overwrite ${paths}. Nothing was changed`, {
      hint: "Give --force to replace all of it, or another folder",
    });
  }
  const chosen = new Set<Group>();
  for (const group of groups) {
    const paths = there(group).map((name) => shownPath(options, name)).join(", ");
    if (paths === "" || await dialogue.confirm(`Do you want to overwrite ${paths}`)) {
      chosen.add(group);
    }
  }
  return chosen;
}

/** The passphrase of the server key, and where it came from. */
interface ServerKeySecret {
  readonly passphrase: string | undefined;
  readonly source: ConfigureReport["passphrase"];
}

async function choosePassphrase({ dialogue, options }: ConfigureInput): Promise<ServerKeySecret> {
  if (!options.encryptServerKey) return { passphrase: undefined, source: "none" };
  const given = await dialogue.readPassphrase();
  if (given !== undefined) return { passphrase: given, source: "given" };
  return { passphrase: crypto.getRandomValues(new Uint8Array(32)).toHex(), source: "generated" };
}

/** The passphrase of a server key that stays: the old fluent.conf tells it. */
function findKeptPassphrase(
  options: SetupOptions,
  existing: ReadonlySet<string>,
): ServerKeySecret {
  const keyName = `${options.names.server}.key`;
  const read = (name: string) => existing.has(name) ? readExisting(options, name) : "";
  const key = read(keyName);
  const confs = [FLUENT_CONF, ...options.destinations.map(destinationConfName)];
  for (const passphrase of [undefined, ...confs.map((conf) => findFluentPassphrase(read(conf)))]) {
    try {
      decryptPrivateKey(key, passphrase);
      return { passphrase, source: passphrase === undefined ? "none" : "kept" };
    } catch (error) {
      if (!(error instanceof PrivateKeyError || error instanceof SyntaxError)) throw error;
      // The old encryption cannot be undone here, and so not be tried: what stood there is kept.
      const isLegacy = error instanceof PrivateKeyError && error.reason === "legacy-encryption";
      if (isLegacy && passphrase !== undefined) return { passphrase, source: "kept" };
    }
  }
  return { passphrase: UNKNOWN_PASSPHRASE, source: "unknown" };
}

function readExisting(options: SetupOptions, name: string): string {
  try {
    return Deno.readTextFileSync(`${options.folder}/${name}`);
  } catch (error) {
    throw new Fault("state", `Cannot read ${shownPath(options, name)}: ${reasonOf(error)}`, {
      hint: "It is needed for the passphrase of the server key that stays",
      cause: error,
    });
  }
}
