import { Buffer } from "node:buffer";
import { Fault } from "../core/fault.ts";
import type { Position } from "../core/position.ts";
import type { Commit, PositionStore, StreamPosition } from "../pipeline/ports.ts";
import {
  decodeKvValue,
  encodeKvValue,
  KV_LIMITS,
  type KvCheck,
  type KvConnection,
  type KvKey,
  type KvRange,
  type KvStored,
} from "./kv_connection.ts";
import { KvFile } from "./kv_file.ts";

/** How positions are kept beyond where. */
export interface KvPositionStoreOptions {
  /** What has to hold, besides, for a stream to be moved: that it is still ours. @throws {Fault} */
  readonly guard?: (streamId: string) => readonly KvCheck[];
  /** What else goes in the same write when a stream is forgotten. */
  readonly keysWith?: (streamId: string) => readonly KvKey[];
}

/** A stream as it was read. */
export interface SeenStream extends StreamPosition {
  /** Of its position. */
  readonly version: string;
}

/** What is known of a stream that this store moves. */
interface Known {
  /** As it was read or written last. */
  readonly version: string | undefined;
  /** Values of writes since then of which it is not known whether they happened, or will. */
  readonly uncertain: readonly Uint8Array[];
}

/** What goes into one write. */
interface Batch {
  readonly set: { readonly key: KvKey; readonly value: Uint8Array }[];
  bytes: number;
}

/** Streams of which it is remembered how they were last seen; others are read before they are moved. */
const MAX_KNOWN = 1000;
/** A stream that cannot be written is tried again with the same few positions, or newer ones. */
const MAX_UNCERTAIN = 16;
/** Most streams that one write opens, so that others are not held up by it. */
const MAX_OPENED = 500;

/**
 * Positions in a database of keys and values, one value for each stream. A commit survives whatever may
 * happen, as far as the database promises that, when it returns.
 *
 * A stream is only ever moved from where it was last seen: a write that was given up and arrives late
 * overwrites nothing newer. Of a commit whose end is not known the next one finds out what became of it.
 */
export class KvPositionStore implements PositionStore, Disposable {
  readonly #connection: KvConnection;
  readonly #guard: NonNullable<KvPositionStoreOptions["guard"]>;
  readonly #keysWith: NonNullable<KvPositionStoreOptions["keysWith"]>;
  readonly #known = new Map<string, Known>();
  /** The last commit of each stream that is being moved. */
  readonly #tails = new Map<string, Promise<void>>();

  /** Positions in a database that is open. */
  constructor(connection: KvConnection, options: KvPositionStoreOptions = {}) {
    this.#connection = connection;
    this.#guard = options.guard ?? (() => []);
    this.#keysWith = options.keysWith ?? (() => []);
  }

  /**
   * Opens the database in the file `path`, and proves by a write that it can be written to.
   *
   * @throws {Fault} of kind `state`.
   */
  static async open(path: string, nowMs: number): Promise<KvPositionStore> {
    using cleanup = new DisposableStack();
    const db = cleanup.use(await KvFile.open(path));
    const store = new KvPositionStore({ db, prefix: ["v1"] });
    await store.prove(nowMs);
    cleanup.move();
    return store;
  }

  /** Proves by a write that the database can be written to. @throws {Fault} of kind `state`. */
  async prove(nowMs: number): Promise<void> {
    const { db, prefix } = this.#connection;
    const value = encodeKvValue({ at: new Date(nowMs).toISOString() });
    await db.write({ set: [{ key: [...prefix, "opened"], value }] });
  }

  async read(streamId: string): Promise<Position | undefined> {
    const { position } = await this.#see(streamId);
    return position;
  }

  async *list(prefix: string): AsyncGenerator<StreamPosition> {
    for await (const entry of this.#connection.db.list(this.rangeOf(prefix))) {
      const { position, streamId } = this.parseEntry(entry);
      yield { streamId, position };
    }
  }

  /** Where the streams stand whose ids begin with `prefix`; with `after`, those behind that one. */
  rangeOf(prefix: string, after?: string): KvRange {
    return {
      // No id comes between another one and that with the first of all characters behind it.
      start: this.#keyOf(after === undefined ? prefix : `${after}\0`),
      // No id goes on with this character, which sorts after all others.
      end: this.#keyOf(prefix + "\u{10ffff}"),
    };
  }

  /** Reads an entry of such a range. @throws {Fault} of kind `state`. */
  parseEntry({ key, value, version }: KvStored): SeenStream {
    const streamId = key.at(-1)!;
    return { streamId, position: this.#parse(streamId, value), version };
  }

  /** Takes for known how a stream stands: it was seen by a write just now. */
  note(streamId: string, version: string | undefined): void {
    // While a commit is under way, it alone says what is known.
    if (!this.#tails.has(streamId)) this.#remember(streamId, { version, uncertain: [] });
  }

  /** One after the other for each stream. */
  commit(commit: Commit): Promise<void> {
    const { streamId } = commit;
    // Made at once: the caller may go on with the position as its own.
    const value = encodeKvValue(commit.position);
    const committed = (this.#tails.get(streamId) ?? Promise.resolve())
      .then(() => this.#commit(commit, value));
    const tail = committed.catch(() => {}).then(() => {
      if (this.#tails.get(streamId) === tail) this.#tails.delete(streamId);
    });
    this.#tails.set(streamId, tail);
    return committed;
  }

  async forget(streamIds: readonly string[]): Promise<void> {
    let remove: KvKey[] = [];
    let bytes = 0;
    let checks = new Map<string, KvCheck>();
    const { db } = this.#connection;
    const write = async () => {
      if (remove.length === 0) return;
      const version = await db.write({ checks: [...checks.values()], remove });
      if (version === undefined) throw this.#notOurs("streams that are done");
      [remove, bytes, checks] = [[], 0, new Map()];
    };
    for (const streamId of streamIds) {
      const more = this.#guard(streamId);
      const key = this.#keyOf(streamId);
      const isFull = checks.size + more.length > KV_LIMITS.checks ||
        remove.length >= MAX_OPENED || bytes + maxBytesOf(key) > KV_LIMITS.writeBytes;
      if (isFull) await write();
      for (const gone of [key, ...this.#keysWith(streamId)]) {
        remove.push(gone);
        bytes += maxBytesOf(gone);
      }
      addChecks(checks, more);
      this.#known.delete(streamId);
    }
    await write();
  }

  async #commit({ forget = [], open = [], streamId }: Commit, value: Uint8Array): Promise<void> {
    const key = this.#keyOf(streamId);
    checkSize(streamId, value);
    const known = await this.#findKnown(streamId, value);
    if (known === "done") return;
    const { version, uncertain } = known;
    const checks = new Map<string, KvCheck>();
    for (const id of [streamId, ...forget]) addChecks(checks, this.#guard(id));
    addChecks(checks, [{ key, version }]);
    const remove = forget.flatMap((id) => [this.#keyOf(id), ...this.#keysWith(id)]);
    const move = async (step: Batch, absent: readonly KvCheck[] = []): Promise<boolean> => {
      const tried = [...uncertain, value].slice(-MAX_UNCERTAIN);
      this.#remember(streamId, { version, uncertain: tried });
      const written = await this.#connection.db.write({
        checks: [...checks.values(), ...absent],
        set: [...step.set, { key, value }],
        remove,
      });
      if (written !== undefined) this.#remember(streamId, { version: written, uncertain: [] });
      return written !== undefined;
    };
    const opened = new Map(open.toReversed().map((stream) => [stream.streamId, stream]));
    if (!await this.#moveAtOnce([...opened.values()], checks.size, move)) {
      const batches = this.#cut(await this.#withoutKnown([...opened.values()]));
      // What is opened must not be forgotten by a crash: the position that passes it comes last.
      for (const { set } of batches.slice(0, -1)) {
        const written = await this.#connection.db.write({ checks: [...checks.values()], set });
        if (written === undefined) await this.#refuse(streamId, version, value);
      }
      if (!await move(batches.at(-1)!)) await this.#refuse(streamId, version, value);
    }
    for (const id of forget) this.#known.delete(id);
  }

  /** Mostly nothing is there of what is opened, and that can be checked by the write itself. */
  async #moveAtOnce(
    opened: readonly StreamPosition[],
    checkCount: number,
    move: (step: Batch, absent: readonly KvCheck[]) => Promise<boolean>,
  ): Promise<boolean> {
    if (opened.length === 0 || checkCount + opened.length > KV_LIMITS.checks) return false;
    const [step, ...more] = this.#cut(opened);
    if (more.length > 0) return false;
    return await move(step!, step!.set.map(({ key }) => ({ key, version: undefined })));
  }

  /** From where the stream is moved; "done" when an earlier try of the same commit has come through. */
  async #findKnown(streamId: string, value: Uint8Array): Promise<Known | "done"> {
    const known = this.#known.get(streamId);
    if (known === undefined) return { version: (await this.#see(streamId)).version, uncertain: [] };
    if (known.uncertain.length === 0) return known;
    const [entry] = await this.#connection.db.read([this.#keyOf(streamId)]);
    const { version, value: stored } = entry!;
    if (version === known.version) return known;
    if (stored !== undefined && isSame(stored, value)) {
      this.#remember(streamId, { version, uncertain: [] });
      return "done";
    }
    const isOurs = stored !== undefined && known.uncertain.some((tried) => isSame(tried, stored));
    if (!isOurs) throw this.#moved(streamId);
    return { version, uncertain: known.uncertain };
  }

  /** A check did not hold: finds out which. Returns when the write has happened before. */
  async #refuse(
    streamId: string,
    version: string | undefined,
    value: Uint8Array,
  ): Promise<void> {
    const [entry] = await this.#connection.db.read([this.#keyOf(streamId)]);
    if (entry!.value !== undefined && isSame(entry!.value, value)) {
      return this.#remember(streamId, { version: entry!.version, uncertain: [] });
    }
    if (entry!.version === version) throw this.#notOurs(`'${streamId}'`);
    throw this.#moved(streamId);
  }

  #moved(streamId: string): Fault {
    this.#known.delete(streamId);
    return new Fault(
      "moved",
      `${this.#connection.db.name} holds another position of '${streamId}' than was stored`,
      {
        hint:
          "Another handler uses it, or it was restored from a backup. Reading goes on from there",
      },
    );
  }

  #notOurs(what: string): Fault {
    return new Fault("moved", `Another replica has taken over ${what}`);
  }

  async #see(streamId: string) {
    const key = this.#keyOf(streamId);
    const [entry] = await this.#connection.db.read([key]);
    const { value, version } = entry!;
    this.note(streamId, version);
    return { version, position: value && this.#parse(streamId, value) };
  }

  #remember(streamId: string, known: Known): void {
    this.#known.delete(streamId);
    this.#known.set(streamId, known);
    if (this.#known.size > MAX_KNOWN) this.#known.delete(this.#known.keys().next().value!);
  }

  /** Those of the streams that the database does not have. */
  async #withoutKnown(streams: readonly StreamPosition[]): Promise<readonly StreamPosition[]> {
    const keys = streams.map(({ streamId }) => this.#keyOf(streamId));
    const entries = await this.#connection.db.read(keys);
    return streams.filter((_, i) => entries[i]!.value === undefined);
  }

  /** Cuts what is opened into writes within the limits; there is always a last one. */
  #cut(streams: readonly StreamPosition[]): readonly Batch[] {
    const batches: Batch[] = [{ set: [], bytes: 0 }];
    for (const stream of streams) {
      const key = this.#keyOf(stream.streamId);
      const value = encodeKvValue(stream.position);
      checkSize(stream.streamId, value);
      const bytes = maxBytesOf(key) + value.length;
      let batch = batches.at(-1)!;
      if (batch.set.length >= MAX_OPENED || batch.bytes + bytes > MAX_OPENED_BYTES) {
        batches.push(batch = { set: [], bytes: 0 });
      }
      batch.set.push({ key, value });
      batch.bytes += bytes;
    }
    return batches;
  }

  #parse(streamId: string, value: unknown): Position {
    try {
      const position = decodeKvValue(value as Uint8Array);
      if (isPosition(position)) return position;
    } catch {
      // Reported below: whatever else stands there is not ours.
    }
    const { name } = this.#connection.db;
    throw new Fault("state", `${name} holds a position of '${streamId}' that cannot be read`, {
      hint: "Give the handler a new storage, and start it with --cursor and the id of the last " +
        "event in Fluentd, or with --start-time",
      lasting: true,
    });
  }

  #keyOf(streamId: string): KvKey {
    return [...this.#connection.prefix, "position", streamId];
  }

  [Symbol.dispose](): void {
    this.#connection.db[Symbol.dispose]();
  }
}

/** Room for the position and what is forgotten is left. */
const MAX_OPENED_BYTES = KV_LIMITS.writeBytes - 2 * KV_LIMITS.valueBytes;

function checkSize(streamId: string, value: Uint8Array): void {
  if (value.length <= KV_LIMITS.valueBytes) return;
  throw new Fault("internal", `Position of '${streamId}' takes ${value.length} bytes`);
}

/** No character takes more than three bytes for each of its units. */
function maxBytesOf(key: KvKey): number {
  return key.reduce((sum, part) => sum + 3 * part.length + 2, 0);
}

function addChecks(checks: Map<string, KvCheck>, more: readonly KvCheck[]): void {
  for (const check of more) checks.set(JSON.stringify(check.key), check);
}

function isPosition(value: unknown): value is Position {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
