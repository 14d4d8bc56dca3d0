import { Fault, formatError } from "../core/fault.ts";

/** Where the state for one Teleport address lies, as in the Go handler: `<storage>/<host>_<port>`. */
export function storageFolderFor(
  storage: string,
  teleport: { host: string; port: number },
): string {
  // An IPv6 address holds colons, which not every file system takes.
  const host = teleport.host.replaceAll(/[^A-Za-z0-9._-]/g, "_");
  return `${storage.replace(/(?<=.)\/+$/, "")}/${host}_${teleport.port}`;
}

/**
 * Creates the folder, readable by its owner alone, unless it is there.
 *
 * @throws {Fault} of kind `state` when that cannot be done.
 */
export async function openStorageFolder(folder: string): Promise<void> {
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
}
