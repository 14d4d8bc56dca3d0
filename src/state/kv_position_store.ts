import { Fault, formatError } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { Commit, PositionStore } from "../pipeline/ports.ts";
import { prepareStateFile } from "./state_file.ts";

/** All keys begin with the format of what is stored below; an incompatible change takes the next. */
const ROOT = ["v1"] as const;
/** Largest value: Deno KV takes 64 KiB. */
const MAX_VALUE_BYTES = 60 * 1024;

/** What the database's words mean (SQLite's messages, as Deno KV passes them on). */
const CAUSES: readonly {
  readonly pattern: RegExp;
  readonly message: string;
  readonly hint: string;
}[] = [
  {
    pattern: /not a database|malformed/,
    message: "is damaged or is not a state file",
    hint:
      "Move it away and start with --cursor and the id of the last event in Fluentd, or with --start-time",
  },
  {
    pattern: /disk is full|disk I\/O error|No space left/,
    message: "cannot be written because the disk is full or failing",
    hint: "Make room; nothing is lost meanwhile",
  },
  {
    pattern: /readonly|read-only|unable to open|denied|not permitted|Not a directory|No such file/i,
    message: "cannot be opened for writing",
    hint: "Check the owner and the mode of the storage folder",
  },
  {
    pattern: /locked/,
    message: "is locked by another process",
    hint: "Only one handler may use a storage folder",
  },
  {
    pattern: /could not deserialize|version/i,
    message: "was written by an incompatible version",
    hint: "Use that version, or start with a new storage",
  },
];

/**
 * Positions in a Deno KV database, one value for each stream. Values are JSON as bytes, which every
 * version of the runtime reads. A commit is on the disk when it returns.
 */
export class KvPositionStore implements PositionStore, Disposable {
  readonly #kv: Deno.Kv;
  readonly #path: string;

  /** Wraps a database that is open already; use `open`. */
  constructor(kv: Deno.Kv, path: string) {
    this.#kv = kv;
    this.#path = path;
  }

  /**
   * Opens the database in the file `path`, and proves by a write that it can be written to.
   *
   * @throws {Fault} of kind `state`.
   */
  static async open(path: string, nowMs: number): Promise<KvPositionStore> {
    let kv: Deno.Kv | undefined;
    try {
      // ":memory:" is no file.
      if (!path.startsWith(":")) await prepareStateFile(path);
      kv = await Deno.openKv(path);
      await kv.set([...ROOT, "opened"], toBytes({ at: new Date(nowMs).toISOString() }));
      return new KvPositionStore(kv, path);
    } catch (error) {
      kv?.close();
      throw toStateFault(path, error);
    }
  }

  async read(streamId: string): Promise<Position | undefined> {
    let value: unknown;
    try {
      ({ value } = await this.#kv.get(positionKey(streamId)));
    } catch (error) {
      throw toStateFault(this.#path, error);
    }
    if (value === null) return undefined;
    try {
      const position: unknown = JSON.parse(new TextDecoder().decode(value as Uint8Array));
      if (typeof position === "object" && position !== null) return position as Position;
    } catch {
      // Reported below: whatever else stands there is not ours.
    }
    throw new Fault("state", `Stored position of '${streamId}' in '${this.#path}' cannot be read`, {
      hint: CAUSES[0]!.hint,
    });
  }

  async commit(commit: Commit): Promise<void> {
    const value = toBytes(commit.position);
    if (value.length > MAX_VALUE_BYTES) {
      throw new Fault("internal", `Position of '${commit.streamId}' takes ${value.length} bytes`);
    }
    try {
      await this.#kv.set(positionKey(commit.streamId), value);
    } catch (error) {
      throw toStateFault(this.#path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#kv.close();
  }
}

function positionKey(streamId: string): Deno.KvKey {
  return [...ROOT, "position", streamId];
}

function toBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function toStateFault(path: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const text = formatError(error);
  const known = CAUSES.find((row) => row.pattern.test(text));
  if (known === undefined) {
    return new Fault("state", `State file '${path}' failed: ${text}`, { cause: error });
  }
  return new Fault("state", `State file '${path}' ${known.message} (${text})`, {
    hint: known.hint,
    cause: error,
  });
}
