import { Fault, formatError } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { Commit, PositionStore, StreamPosition } from "../pipeline/ports.ts";
import { prepareStateFile } from "./state_file.ts";

/** All keys begin with the format of what is stored below; an incompatible change takes the next. */
const ROOT = ["v1"] as const;
/** Largest value: Deno KV takes 64 KiB. */
const MAX_VALUE_BYTES = 60 * 1024;
/** Streams opened or forgotten in one atomic write, of which Deno KV takes 1,000 changes. */
const MAX_OPENED = 500;

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
    pattern:
      /readonly|read-only|unable to open|denied|not permitted|(is|not) a directory|no such file/i,
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
    const { value } = await this.#attempt(() => this.#kv.get(positionKey(streamId)));
    return value === null ? undefined : this.#parse(streamId, value);
  }

  async *list(prefix: string): AsyncGenerator<StreamPosition> {
    const selector = {
      start: positionKey(prefix),
      // No id goes on with this character, which sorts after all others.
      end: positionKey(prefix + "\u{10ffff}"),
    };
    const entries = this.#kv.list(selector, { batchSize: 500 });
    while (true) {
      const { done, value: entry } = await this.#attempt(() => entries.next());
      if (done) return;
      const streamId = String(entry.key.at(-1));
      yield { streamId, position: this.#parse(streamId, entry.value) };
    }
  }

  async commit({ forget, open, position, streamId }: Commit): Promise<void> {
    const fresh = await this.#withoutKnown(open ?? []);
    // What is opened must not be forgotten by a crash: the position that passes it comes last.
    for (let first = 0; first < fresh.length - MAX_OPENED; first += MAX_OPENED) {
      await this.#write(fresh.slice(first, first + MAX_OPENED), []);
    }
    const rest = fresh.slice(Math.max(0, Math.ceil(fresh.length / MAX_OPENED) - 1) * MAX_OPENED);
    await this.#write([...rest, { streamId, position }], forget ?? []);
  }

  async forget(streamIds: readonly string[]): Promise<void> {
    for (let first = 0; first < streamIds.length; first += MAX_OPENED) {
      await this.#write([], streamIds.slice(first, first + MAX_OPENED));
    }
  }

  async #withoutKnown(streams: readonly StreamPosition[]): Promise<StreamPosition[]> {
    const fresh = new Map<string, StreamPosition>();
    for (const stream of streams) {
      if (await this.read(stream.streamId) === undefined) fresh.set(stream.streamId, stream);
    }
    return [...fresh.values()];
  }

  async #write(put: readonly StreamPosition[], forget: readonly string[]): Promise<void> {
    const atomic = this.#kv.atomic();
    for (const { position, streamId } of put) {
      const value = toBytes(position);
      if (value.length > MAX_VALUE_BYTES) {
        throw new Fault("internal", `Position of '${streamId}' takes ${value.length} bytes`);
      }
      atomic.set(positionKey(streamId), value);
    }
    for (const streamId of forget) atomic.delete(positionKey(streamId));
    await this.#attempt(() => atomic.commit());
  }

  #parse(streamId: string, value: unknown): Position {
    try {
      const position: unknown = JSON.parse(new TextDecoder().decode(value as Uint8Array));
      if (isPosition(position)) return position;
    } catch {
      // Reported below: whatever else stands there is not ours.
    }
    throw new Fault("state", `Stored position of '${streamId}' in '${this.#path}' cannot be read`, {
      hint: CAUSES[0]!.hint,
    });
  }

  async #attempt<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw toStateFault(this.#path, error);
    }
  }

  [Symbol.dispose](): void {
    this.#kv.close();
  }
}

function isPosition(value: unknown): value is Position {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
