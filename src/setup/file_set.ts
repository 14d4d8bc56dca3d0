import { Fault } from "../core/fault.ts";
import type { SetupFile } from "./setup_options.ts";

/** What the writing needs of the disk; tests put one that fails in its place. */
export interface SetupDisk {
  /** Makes a folder below one that exists. */
  makeFolder(path: string): void;
  /** Writes a file that does not exist yet, and waits until it is on the disk. */
  writeNew(path: string, text: string, mode: number): void;
  /** Gives a file a second name, or makes a copy where the disk knows no second names. */
  link(from: string, to: string): void;
  /** Renames a file over whatever has the name. */
  rename(from: string, to: string): void;
  /** Removes a file, or a folder that is empty. */
  remove(path: string): void;
}

/** The disk of the machine. */
export const systemDisk: SetupDisk = {
  makeFolder: (path) => Deno.mkdirSync(path, { mode: 0o755 }),
  writeNew(path, text, mode) {
    using file = Deno.openSync(path, { write: true, createNew: true, mode });
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    file.syncSync();
  },
  link(from, to) {
    try {
      Deno.linkSync(from, to);
    } catch {
      Deno.copyFileSync(from, to);
    }
  },
  rename: (from, to) => Deno.renameSync(from, to),
  remove: (path) => Deno.removeSync(path),
};

/** Where and how a set of files is written. */
export interface FileSetOptions {
  readonly folder: string;
  /** Folders to make first, outermost first. They are removed again when the writing fails. */
  readonly newFolders: readonly string[];
  /** Names of the files that are there already. */
  readonly existing: ReadonlySet<string>;
  /** @default {systemDisk} */
  readonly disk?: SetupDisk;
}

/**
 * Writes files, all of them or none. They are written under temporary names and then renamed, one
 * right after the other without a pause in which anything else could run; when something fails,
 * everything is as it was before.
 *
 * @throws {Fault} When the disk says no.
 */
export function writeFileSet(files: readonly SetupFile[], options: FileSetOptions): void {
  const { existing, folder, newFolders } = options;
  const disk = options.disk ?? systemDisk;
  const suffix = crypto.randomUUID().slice(0, 8);
  const undo: (() => void)[] = [];
  const backups: string[] = [];
  let doing = `Cannot make the folder ${folder}`;
  try {
    for (const path of newFolders) {
      disk.makeFolder(path);
      undo.push(() => disk.remove(path));
    }
    for (const { name, secret, text } of files) {
      doing = `Cannot write ${folder}/${name}`;
      const temporary = `${folder}/.${name}.${suffix}.new`;
      // A file that was written in part only is there too.
      undo.push(() => disk.remove(temporary));
      disk.writeNew(temporary, text, secret ? 0o600 : 0o644);
    }
    for (const { name } of files) {
      doing = `Cannot replace ${folder}/${name}`;
      const target = `${folder}/${name}`;
      const backup = `${folder}/.${name}.${suffix}.old`;
      if (existing.has(name)) {
        disk.link(target, backup);
        backups.push(backup);
        undo.push(() => disk.remove(backup));
      }
      disk.rename(`${folder}/.${name}.${suffix}.new`, target);
      undo.push(() => existing.has(name) ? disk.rename(backup, target) : disk.remove(target));
    }
  } catch (error) {
    for (const step of undo.reverse()) attempt(step);
    throw new Fault("state", `${doing}: ${reasonOf(error)}. Nothing was changed`, {
      hint: hintFor(error),
      cause: error,
    });
  }
  for (const backup of backups) attempt(() => disk.remove(backup));
}

/** Undoing goes on whatever fails: what was never made cannot be removed. */
function attempt(step: () => void): void {
  try {
    step();
  } catch {
    // Nothing is left to try.
  }
}

/** Says in a few words why the disk said no. */
export function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (code === "ENOSPC" || code === "EDQUOT") return "no space is left on the disk";
  if (code === "EROFS") return "the disk is read-only";
  if (error instanceof Deno.errors.PermissionDenied || code === "EACCES" || code === "EPERM") {
    return "permission denied";
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\).*$/s, "");
}

function hintFor(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  if (code === "ENOSPC" || code === "EDQUOT") return "Free some space, or give another folder";
  return "Give a folder that you may write to";
}
