import { dirname, resolve } from "node:path";
import { Fault } from "../core/fault.ts";
import { reasonOf } from "./file_set.ts";

/** What stands where the files are to be written. */
export interface SetupFolder {
  /** Folders that must be made, outermost first; empty when the folder is there. */
  readonly missing: readonly string[];
  /** Those of the names that exist. */
  readonly existing: ReadonlySet<string>;
}

/**
 * Looks at a folder and at the names that are to be written in it. Changes nothing.
 *
 * @throws {Fault} When the folder is a file, or one of the names is a folder.
 */
export function inspectFolder(folder: string, names: readonly string[]): SetupFolder {
  const missing: string[] = [];
  for (let path = resolve(folder);; path = dirname(path)) {
    const info = inspect(() => Deno.statSync(path), path);
    if (info?.isDirectory) break;
    if (info !== undefined || path === dirname(path)) {
      throw new Fault("usage", `Cannot write to ${folder}: ${path} is not a folder`, {
        hint: "Give a folder, such as .",
      });
    }
    missing.unshift(path);
  }
  if (missing.length > 0) return { missing, existing: new Set() };
  const existing = new Set<string>();
  for (const name of names) {
    const path = `${folder}/${name}`;
    // A link that leads nowhere is there too.
    const info = inspect(() => Deno.lstatSync(path), path);
    if (info?.isDirectory) {
      throw new Fault("state", `Cannot write ${path}: it is a folder`, {
        hint: "Move it away, or give another folder",
      });
    }
    if (info !== undefined) existing.add(name);
  }
  return { missing, existing };
}

function inspect(look: () => Deno.FileInfo, path: string): Deno.FileInfo | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw new Fault("state", `Cannot look at ${path}: ${reasonOf(error)}`, {
      hint: "Give a folder that you may read and write",
      cause: error,
    });
  }
}
