import {
  decodeKvValue,
  encodeKvValue,
  type KvCheck,
  type KvConnection,
  type KvEntry,
  type KvRange,
  type KvStored,
} from "./kv_connection.ts";
import { fenceKeyOf, type ReplicaLease } from "./replica_lease.ts";

/** Who forwards a stream. */
export interface Claim {
  /** Id of the replica. */
  readonly holder: string;
  /** One more with each replica that takes the stream over. */
  readonly epoch: number;
}

/** What became of a try to claim a stream. */
export type ClaimResult =
  /** It is claimed now; a takeover when a replica had it that is gone. */
  | { readonly kind: "taken"; readonly epoch: number; readonly isTakeover: boolean }
  /** A living replica has it; which one is unknown when it was faster just now. */
  | { readonly kind: "held"; readonly holder: string | undefined }
  /** Its position is not there any more: it is done. */
  | { readonly kind: "done" };

/**
 * The streams that this replica forwards, each by a claim in the store that names its lease. Who holds
 * the claim of a stream is the only one that may write its position; a claim whose lease is gone is
 * anybody's.
 */
export class StreamClaims {
  readonly #connection: KvConnection;
  readonly #lease: ReplicaLease;
  readonly #held = new Map<string, KvCheck>();

  constructor(connection: KvConnection, lease: ReplicaLease) {
    this.#connection = connection;
    this.#lease = lease;
  }

  /** Streams that are claimed now. */
  get heldIds(): readonly string[] {
    return [...this.#held.keys()];
  }

  /** What must hold for a write on behalf of a stream; undefined when it is not claimed. */
  checksFor(streamId: string): readonly KvCheck[] | undefined {
    const claim = this.#held.get(streamId);
    return claim === undefined ? undefined : [this.#lease.fence, claim];
  }

  /**
   * Claims a stream unless a living replica has it. With `ifStored`, only one whose position is there;
   * with `lastHolder`, in one call less when that replica still has it.
   *
   * @throws {Fault} of kind `state`; whether the stream is claimed shows at the next try.
   */
  async take(
    streamId: string,
    { ifStored = false, lastHolder }: {
      readonly ifStored?: boolean;
      readonly lastHolder?: string | undefined;
    } = {},
  ): Promise<ClaimResult> {
    const { db, prefix } = this.#connection;
    const key = this.#keyOf(streamId);
    const keys = [key, [...prefix, "position", streamId]];
    if (lastHolder !== undefined) keys.push(fenceKeyOf(prefix, lastHolder));
    const [found, position, lastFence] = await db.read(keys);
    if (ifStored && position!.value === undefined) {
      this.#held.delete(streamId);
      return { kind: "done" };
    }
    const before = readClaim(found!);
    if (before?.holder === this.#lease.id) {
      // Of a try whose answer did not come.
      this.#held.set(streamId, { key, version: found!.version });
      return { kind: "taken", epoch: before.epoch, isTakeover: false };
    }
    const checks = [this.#lease.fence, { key, version: found!.version }];
    if (ifStored) checks.push({ key: position!.key, version: position!.version });
    if (before !== undefined) {
      const { holder } = before;
      const fence = holder === lastHolder
        ? lastFence!
        : (await db.read([fenceKeyOf(prefix, holder)]))[0]!;
      if (fence.value !== undefined) return { kind: "held", holder };
      checks.push({ key: fence.key, version: undefined });
    }
    const epoch = (before?.epoch ?? 0) + 1;
    const value = encodeKvValue({ holder: this.#lease.id, epoch });
    const version = await db.write({ checks, set: [{ key, value }] });
    if (version === undefined) return { kind: "held", holder: undefined };
    this.#held.set(streamId, { key, version });
    return { kind: "taken", epoch, isTakeover: before !== undefined };
  }

  /**
   * Claims a stream that nobody has claimed, unless one of `checks` does not hold any more: in one call,
   * after a look at the store has brought all that. @throws {Fault} of kind `state`, as `take`.
   */
  async takeFree(streamId: string, checks: readonly KvCheck[]): Promise<boolean> {
    const key = this.#keyOf(streamId);
    const version = await this.#connection.db.write({
      checks: [this.#lease.fence, { key, version: undefined }, ...checks],
      set: [{ key, value: encodeKvValue({ holder: this.#lease.id, epoch: 1 }) }],
    });
    if (version === undefined) return false;
    this.#held.set(streamId, { key, version });
    return true;
  }

  /** Lets others have a stream. @throws {Fault} of kind `state`; then it stays claimed. */
  async release(streamId: string): Promise<void> {
    const claim = this.#held.get(streamId);
    if (claim === undefined) return;
    await this.#connection.db.write({ checks: [claim], remove: [claim.key] });
    this.#held.delete(streamId);
  }

  /** The key of a claim that is held, to be removed with the stream when that is done. */
  keyOf(streamId: string): readonly string[] | undefined {
    return this.#held.get(streamId)?.key;
  }

  /** The stream was removed with its claim. */
  forgotten(streamId: string): void {
    this.#held.delete(streamId);
  }

  /** Who holds the streams whose ids begin with a prefix; some of them may be dead. */
  async list(prefix: string): Promise<ReadonlyMap<string, Claim>> {
    return this.parse(await Array.fromAsync(this.#connection.db.list(this.rangeOf(prefix))));
  }

  /** Where the claims of these streams stand. */
  rangeOf(prefix: string): KvRange {
    return { start: this.#keyOf(prefix), end: this.#keyOf(`${prefix}\u{10ffff}`) };
  }

  /** Reads entries of such a range, by the streams that they are of. */
  parse(entries: readonly KvStored[]): ReadonlyMap<string, Claim> {
    const claims = new Map<string, Claim>();
    for (const entry of entries) {
      const claim = readClaim(entry);
      if (claim !== undefined) claims.set(entry.key.at(-1)!, claim);
    }
    return claims;
  }

  #keyOf(streamId: string): readonly string[] {
    return [...this.#connection.prefix, "claim", streamId];
  }
}

/** A claim that cannot be read is nobody's. */
function readClaim({ value }: KvEntry): Claim | undefined {
  if (value === undefined) return undefined;
  try {
    const { epoch, holder } = decodeKvValue(value) as Partial<Claim>;
    if (typeof holder !== "string" || typeof epoch !== "number") return undefined;
    return { holder, epoch };
  } catch {
    return undefined;
  }
}
