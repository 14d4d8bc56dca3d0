/** A key of the store: texts, in the order of their bytes. */
export type KvKey = readonly string[];

/** What a key holds. */
export interface KvEntry {
  readonly key: KvKey;
  /** JSON as bytes, which every version of the runtime reads; undefined where there is nothing. */
  readonly value: Uint8Array | undefined;
  /** Changes with each write of the key; undefined where there is nothing. For {@linkcode KvCheck}. */
  readonly version: string | undefined;
}

/** An entry that is there. */
export interface KvStored extends KvEntry {
  readonly value: Uint8Array;
  readonly version: string;
}

/** Says that a key must not have been written since it was read. */
export type KvCheck = Pick<KvEntry, "key" | "version">;

/** Keys to list, in their order. */
export interface KvRange {
  /** The first key. */
  readonly start: KvKey;
  /** The key after the last one. */
  readonly end: KvKey;
  /** From the last to the first. @default {false} */
  readonly reverse?: boolean;
  /** Entries that are fetched at a time. @default {500} */
  readonly batchSize?: number;
}

/** One change, written whole or not at all. */
export interface KvWrite {
  /** At most `KV_LIMITS.checks`. */
  readonly checks?: readonly KvCheck[];
  /** At most `KV_LIMITS.mutations` with those of `remove`, and `KV_LIMITS.writeBytes` in sum. */
  readonly set?: readonly { readonly key: KvKey; readonly value: Uint8Array }[];
  readonly remove?: readonly KvKey[];
}

/** How a call is made. */
export interface KvCall {
  /** Longest wait for the answer. @default {the setting `storage-timeout`} */
  readonly limitMs?: number;
  /** Gives the call up: it rejects with `signal.reason`. */
  readonly signal?: AbortSignal;
}

/** What both the file and the server take; a server takes no more. */
export const KV_LIMITS = {
  checks: 10,
  /** A server takes 1,000; some are left for what others add. */
  mutations: 900,
  /** A server takes 64 KiB. */
  valueBytes: 60 * 1024,
  /** A server takes 819,200, keys and values together. */
  writeBytes: 640 * 1024,
} as const;

/**
 * A database of keys and values: a file of this machine (`kv_file.ts`) or a server of the KV Connect
 * protocol (`kv_server.ts`). Reads see all writes that were made before.
 *
 * Every call ends within its limit, and nothing goes on behind it on this side. All of them throw a
 * `Fault` of kind `state`, whose `lasting` says that someone must change something. After a write that
 * failed it is not known whether it happened, or will: it may still be on its way. So whatever must not
 * be overwritten by a late write of ours is written with a check, and read before it is tried again.
 */
export interface KvDatabase extends Disposable {
  /** What it is, without secrets, for the beginning of a message: `State file '/var/…/state.kv'`. */
  readonly name: string;
  /** What the keys hold, in the order of the keys; all of one moment when they are 10 at most. */
  read(keys: readonly KvKey[], call?: KvCall): Promise<readonly KvEntry[]>;
  /** Everything in a range, fetched as it is asked for. The limit is that of each batch. */
  list(range: KvRange, call?: KvCall): AsyncIterable<KvStored>;
  /** The first entries of each range, at most `batchSize` of it; all of one moment on a server. */
  readFirst(ranges: readonly KvRange[], call?: KvCall): Promise<readonly (readonly KvStored[])[]>;
  /**
   * Resolves with the version of what was set, or with undefined when a check did not hold and nothing
   * was written. A write that turns out to have happened before counts as done, and gives its version.
   */
  write(write: KvWrite, call?: KvCall): Promise<string | undefined>;
}

/**
 * A database that is open, and the beginning of all keys of this handler in it. On a server that is
 * `["teleport-event-handler", "v1", "<host>_<port>"]` after `teleport-addr`, so that handlers of several
 * clusters share one; in a file, which is of one cluster, `["v1"]`. Below it:
 *
 * | key                                   | value                                                    |
 * | ------------------------------------- | -------------------------------------------------------- |
 * | `[…, "opened"]`                       | when a handler came last                                 |
 * | `[…, "position", STREAM]`             | the position of a stream                                 |
 * | `[…, "quarantine", "size"]`           | how much the quarantine holds, on a server               |
 * | `[…, "quarantine", "entry", ID]`      | a line of the quarantine, or the beginning of it         |
 * | `[…, "quarantine", "more", ID, PART]` | the rest of it, by parts                                 |
 * | `[…, "lease", ID]`                    | a replica that lives, written anew again and again       |
 * | `[…, "fence", ID]`                    | stands while that replica may write, never written again |
 * | `[…, "claim", STREAM]`                | which replica forwards a stream; of `log`, who leads     |
 *
 * An incompatible change of what stands there takes another `v`.
 */
export interface KvConnection {
  readonly db: KvDatabase;
  readonly prefix: KvKey;
}

/** All keys below a key. */
export function keysBelow(key: KvKey): Pick<KvRange, "start" | "end"> {
  // No text sorts before the empty one, and none that is used goes on with this character.
  return { start: [...key, ""], end: [...key, "\u{10ffff}"] };
}

/** JSON as the store keeps it. */
export function encodeKvValue(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** The opposite of `encodeKvValue`. @throws {SyntaxError} */
export function decodeKvValue(value: Uint8Array): unknown {
  return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
}
