import { dirname } from "node:path";
import { formatError } from "../core/fault.ts";
import { failed, type Finding, ok } from "../core/finding.ts";
import { isMissing } from "./is_missing.ts";

/** More than a state needs to grow by at once. */
const PROBE_BYTES = 256 * 1024;
const READ_ONLY = /os error 30\b|read-only file system/i;
const FULL = /os error (28|122|27)\b|no space left|quota/i;

/**
 * Finds out whether a storage folder can be made and written to. A file is written where the state
 * would be, or in the nearest folder that exists; it has lost its name before the first byte of it,
 * so that it is gone however this ends. Never throws.
 */
export async function probeStorage(folder: string): Promise<Finding> {
  const existing = await findFolder(folder);
  if (typeof existing !== "string") return existing;
  try {
    await writeNamelessFile(existing);
    const files = await findUnwritable(folder);
    if (files !== undefined) return files;
  } catch (error) {
    return findingOfError(existing, error);
  }
  return existing === folder
    ? ok(`'${folder}' can be written to`)
    : ok(`'${folder}' is not there yet and can be made`);
}

/** The folder itself or the nearest above that exists; a finding when one of them is no folder. */
async function findFolder(folder: string): Promise<string | Finding> {
  let path = folder;
  while (true) {
    try {
      if ((await Deno.stat(path)).isDirectory) return path;
      return failed("state", `'${path}' is a file, and storage needs a folder there`, {
        advice: "Give storage another folder, or move the file away",
      });
    } catch (error) {
      if (!isMissing(error) || dirname(path) === path) return findingOfError(path, error);
    }
    path = dirname(path);
  }
}

async function writeNamelessFile(folder: string): Promise<void> {
  const path = `${folder}/.doctor-${crypto.randomUUID()}`;
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  // Where a file that is open keeps its name, it loses it at the end.
  const isGone = await Deno.remove(path).then(() => true, () => false);
  try {
    const bytes = new Uint8Array(PROBE_BYTES);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
  } finally {
    if (!isGone) {
      file.close();
      await Deno.remove(path);
    }
  }
}

/** Opens what is there already, without a change. */
async function findUnwritable(folder: string): Promise<Finding | undefined> {
  for (const name of ["lock", "state.kv", "state.kv-wal", "quarantine/events.jsonl"]) {
    const path = `${folder}/${name}`;
    try {
      (await Deno.open(path, { write: true })).close();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      return findingOfError(path, error);
    }
  }
  return undefined;
}

function findingOfError(path: string, error: unknown): Finding {
  const text = formatError(error);
  if (READ_ONLY.test(text)) {
    return failed("state", `'${path}' is on a file system that is mounted read-only`, {
      advice: "Give storage another folder, or mount this one writable",
    });
  }
  if (FULL.test(text)) {
    return failed("state", `There is no room left for the state in '${path}'`, {
      advice: "Make room on that disk; nothing is lost meanwhile",
      details: [text],
    });
  }
  const isDenied = error instanceof Deno.errors.PermissionDenied ||
    error instanceof Deno.errors.NotCapable;
  return failed("state", `'${path}' cannot be written to${isDenied ? " by this user" : ""}`, {
    advice: "Run doctor as the user of the handler; check the owner and the mode of the folder",
    details: [text],
  });
}
