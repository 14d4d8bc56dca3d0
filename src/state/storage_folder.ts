import { Fault, formatError } from "../core/fault.ts";

/** Where the state for one Teleport address lies, as in the Go handler: `<storage>/<host>_<port>`. */
export function storageFolderFor(
  storage: string,
  teleport: { host: string; port: number },
): string {
  return `${storage.replace(/(?<=.)\/+$/, "")}/${nameForAddress(teleport)}`;
}

/** What belongs to one Teleport address is kept apart by this name, in a folder and on a server. */
export function nameForAddress({ host, port }: { host: string; port: number }): string {
  // An IPv6 address holds colons, which not every file system takes.
  return `${host.replaceAll(/[^A-Za-z0-9._-]/g, "_")}_${port}`;
}

/** What is written to in the folder, and must be where it seems to be. */
const OWN_NAMES = ["lock", "state.kv", "quarantine"];
const OPEN_TO_OTHERS = 0o077;

/**
 * Creates the folder, readable by its owner alone, unless it is there. Returns a warning when it is
 * there and open to others: somebody may have meant that, so it stays as it is.
 *
 * @throws {Fault} of kind `state` when that cannot be done, or when something in it is a link, by which
 * whoever may write to the folder could have us write elsewhere.
 */
export async function openStorageFolder(folder: string): Promise<string | undefined> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new Fault(
      "state",
      `Cannot create the storage folder '${folder}': ${formatError(error)}`,
      {
        hint: "storage must name a folder that this user may write to",
      },
    );
  }
  for (const name of OWN_NAMES) await refuseLink(`${folder}/${name}`);
  const { mode } = await Deno.stat(folder);
  if (mode === null || (mode & OPEN_TO_OTHERS) === 0) return undefined;
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  return `Storage folder '${folder}' is open to other users (mode ${shown}). ` +
    `Close it with: chmod 700 ${quoteForShell(folder)}`;
}

/** @throws {Fault} of kind `state` when there is a symbolic link in place of what is ours. */
export async function refuseLink(path: string): Promise<void> {
  const isLink = await Deno.lstat(path).then((info) => info.isSymlink, () => false);
  if (!isLink) return;
  throw new Fault(
    "state",
    `Symbolic link '${path}' is not followed`,
    {
      hint: "Move it away; the storage folder itself may be a link, but nothing in it",
    },
  );
}

function quoteForShell(text: string): string {
  return /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
