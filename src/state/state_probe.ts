import { Fault, formatError } from "../core/fault.ts";
import { failed, type Finding, findingOfFault, ok, warning } from "../core/finding.ts";
import type { Position } from "../core/position.ts";
import { isMissing } from "./is_missing.ts";
import { KvPositionStore } from "./kv_position_store.ts";

/** What the state holds. */
export interface StateProbe {
  readonly finding: Finding;
  /** Positions of all streams, by their ids; empty when none is stored or can be read. */
  readonly positions: ReadonlyMap<string, Position>;
}

/** A copy that was torn by a writer is made again. */
const ATTEMPTS = 3;
const NOTHING = "Nothing is stored yet: the first start begins the export";
const NONE: ReadonlyMap<string, Position> = new Map();

/** Says whether another process holds the lock of a storage folder, and which. Never throws. */
export async function probeStorageLock(folder: string): Promise<Finding> {
  const path = `${folder}/lock`;
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return ok("No other handler uses it");
    return failed("state", `'${path}' cannot be read`, {
      advice: "Run doctor as the user of the handler",
      details: [formatError(error)],
    });
  }
  using _ = file;
  // A shared lock, for no longer than it takes to let it go.
  if (await file.tryLock(false)) {
    await file.unlock();
    return ok("No other handler uses it");
  }
  const holder = (await Deno.readTextFile(path).catch(() => "")).trim();
  const who = /^\d+$/.test(holder) ? `the handler with pid ${holder}` : "another handler";
  return failed("state", `'${folder}' is in use by ${who}`, {
    advice:
      "If that is the handler that shall run, all is well; else stop it, or use another storage",
  });
}

/** Reads the stored position from a copy of the state, which stays as it is. Never throws. */
export async function probeState(folder: string, nowMs: number): Promise<StateProbe> {
  const path = `${folder}/state.kv`;
  try {
    await Deno.lstat(path);
  } catch (error) {
    if (!isMissing(error)) return { finding: unreadable(path, error), positions: NONE };
    // A log without its file is no new state; opening a copy tells.
    const hasLog = await Deno.lstat(`${path}-wal`).then(() => true, () => false);
    if (!hasLog) return { finding: ok(NOTHING), positions: NONE };
  }
  let copyFolder: string;
  try {
    copyFolder = await Deno.makeTempDir({ prefix: "teleport-event-handler-doctor-" });
  } catch (error) {
    const finding = warning("The stored position cannot be looked at without a temporary folder", {
      advice: "Set TMPDIR to a folder that can be written to",
      details: [formatError(error)],
    });
    return { finding, positions: NONE };
  }
  try {
    return await readCopy({ path, copy: `${copyFolder}/state.kv`, nowMs });
  } finally {
    await Deno.remove(copyFolder, { recursive: true }).catch(() => {});
  }
}

async function readCopy(
  { copy, nowMs, path }: { path: string; copy: string; nowMs: number },
): Promise<StateProbe> {
  for (let attempt = 1;; attempt++) {
    try {
      await copyDatabase(path, copy);
    } catch (error) {
      return { finding: unreadable(path, error), positions: NONE };
    }
    try {
      using store = await KvPositionStore.open(copy, nowMs);
      const positions = new Map<string, Position>();
      for await (const { position, streamId } of store.list("")) positions.set(streamId, position);
      return { finding: ok(positions.size === 0 ? NOTHING : "The state can be read"), positions };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (attempt < ATTEMPTS) continue;
      const { advice, details, fault = "state", text } = findingOfFault(error);
      const finding = failed(fault, text.replaceAll(copy, path), { advice, details });
      return { finding, positions: NONE };
    }
  }
}

/** The database and what was written to it of late. */
async function copyDatabase(from: string, to: string): Promise<void> {
  await copyIfThere(from, to);
  await Deno.chmod(to, 0o600).catch(() => {});
  await Deno.remove(`${to}-shm`).catch(() => {});
  await copyIfThere(`${from}-wal`, `${to}-wal`);
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.remove(to).catch(() => {});
  }
}

function unreadable(path: string, error: unknown): Finding {
  return failed("state", `State file '${path}' cannot be read`, {
    advice: "Run doctor as the user of the handler",
    details: [formatError(error)],
  });
}
