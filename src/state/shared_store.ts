import { rankForStream } from "../core/rendezvous.ts";
import { Fault } from "../core/fault.ts";
import type {
  ClaimedStream,
  Commit,
  FoundStreams,
  PositionStore,
  StreamPosition,
  StreamSearch,
  StreamSharing,
} from "../pipeline/ports.ts";
import type { KvCheck, KvConnection, KvStored } from "./kv_connection.ts";
import { KvPositionStore, type SeenStream } from "./kv_position_store.ts";
import type { ReplicaLease } from "./replica_lease.ts";
import type { Claim, StreamClaims } from "./stream_claims.ts";
import { LEADER_STREAM } from "./wait_to_lead.ts";

/** Marks that whoever forwards a stream writes about it, under the claim of that stream. */
const MARKS = ["done/", "abandoned/"];
/** Streams that are shared out; all others are the leader's. */
const SHARED = ["session/", "chunk/"];
/** Streams of others that are kept in mind, so that they are helped out with when they wait for long. */
const MAX_WAITING = 5000;
/** Streams that were found, of which it is remembered how they stood; others are read again. */
const MAX_SEEN = 1000;
/** More streams than that are seldom claimed at a time. */
const MAX_CLAIMS = 500;

/** What a life of a replica does with the store. */
export interface SharedStoreOptions {
  readonly connection: KvConnection;
  readonly lease: ReplicaLease;
  readonly claims: StreamClaims;
  /** Told when the store refuses a write because the lease is gone. */
  readonly onFenced: () => void;
  /** Told when a stream was taken over from a replica that is gone. */
  readonly onTakeover: (streamId: string) => void;
}

/**
 * The position store of one replica of several. Each write is checked with the replica's lease and its
 * claim of the stream; one that is refused ends the lease on this side too, and with it everything that
 * goes on under it.
 */
export class SharedStore implements PositionStore, StreamSharing {
  readonly #options: SharedStoreOptions;
  readonly #store: KvPositionStore;
  #openings = 0;
  /** How often a stream of others was seen waiting. */
  #waiting = new Map<string, number>();
  /** Where the last look had found enough, by prefix. */
  readonly #turns = new Map<string, string>();
  /** Streams that were found and that nobody had claimed, until they are claimed here. */
  readonly #seen = new Map<string, SeenStream>();

  constructor(options: SharedStoreOptions) {
    this.#options = options;
    this.#store = new KvPositionStore(options.connection, {
      guard: (streamId) => this.#guard(streamId),
      keysWith: (streamId) => {
        const key = isKeptWithoutPosition(streamId) ? undefined : options.claims.keyOf(streamId);
        return key === undefined ? [] : [key];
      },
    });
  }

  get replicaCount(): number {
    return Math.max(1, this.#options.lease.replicas.length);
  }

  read(streamId: string): Promise<StreamPosition["position"] | undefined> {
    return this.#store.read(streamId);
  }

  list(prefix: string): AsyncIterable<StreamPosition> {
    return this.#store.list(prefix);
  }

  async commit(commit: Commit): Promise<void> {
    await this.#write(commit.forget ?? [], () => this.#store.commit(commit));
  }

  async forget(streamIds: readonly string[]): Promise<void> {
    await this.#write(streamIds, () => this.#store.forget(streamIds));
  }

  async open(streams: readonly StreamPosition[]): Promise<void> {
    // No two of these writes are alike, so that none is taken for an earlier one that came through.
    const position = { replica: this.#options.lease.id, count: ++this.#openings };
    await this.commit({ streamId: "opened", position, open: streams });
  }

  async claim(streamId: string, mark?: string): Promise<ClaimedStream | undefined> {
    const { claims, lease, onTakeover } = this.#options;
    const seen = this.#seen.get(streamId);
    this.#seen.delete(streamId);
    if (seen !== undefined && await this.#claimSeen(seen, mark)) {
      return lease.isHeld ? { position: seen.position, isMarked: false } : undefined;
    }
    const result = await claims.take(streamId, { ifStored: true });
    if (result.kind !== "taken") return undefined;
    if (result.isTakeover) onTakeover(streamId);
    const [position, marked] = await Promise.all([
      this.#store.read(streamId),
      mark === undefined ? undefined : this.#store.read(mark),
    ]);
    if (position === undefined || !lease.isHeld) return undefined;
    return { position, isMarked: marked !== undefined };
  }

  /** Claims a stream that is as it was when it was found, which takes one call in place of four. */
  async #claimSeen({ streamId, version }: SeenStream, mark: string | undefined): Promise<boolean> {
    const { claims, connection: { prefix } } = this.#options;
    const marks = mark === undefined ? [] : [{ streamId: mark, version: undefined }];
    const stands = [{ streamId, version }, ...marks];
    const checks = stands.map(({ streamId, version }) => ({
      key: [...prefix, "position", streamId],
      version,
    }));
    if (!await claims.takeFree(streamId, checks)) return false;
    for (const { streamId, version } of stands) this.#store.note(streamId, version);
    return true;
  }

  release(streamId: string): Promise<void> {
    return this.#options.claims.release(streamId);
  }

  /**
   * A stream is looked for by the replica that comes first for it. One that waits although others should
   * have begun it may be taken by the next, and with each further look by one more.
   */
  async find(
    { delayOf, inTurn = false, isKnown, limit, prefix }: StreamSearch,
  ): Promise<FoundStreams> {
    const { lease } = this.#options;
    const replicaIds = lease.replicaIds;
    const alive = new Set(replicaIds);
    const streams: StreamPosition[] = [];
    const waiting = new Map<string, number>();
    let left = 0;
    let isWhole = true;
    // As many as hold what is wanted: each replica has some in hand, and has its part of the others.
    const batchSize = Math.min(500, (2 * limit + 8) * Math.max(1, replicaIds.length));
    const after = inTurn ? this.#turns.get(prefix) : undefined;
    this.#turns.delete(prefix);
    for await (const [stream, claim] of this.#look(prefix, { after, batchSize })) {
      const { position, streamId } = stream;
      const isOthers = claim !== undefined && claim.holder !== lease.id && alive.has(claim.holder);
      if (isOthers || isKnown(streamId)) continue;
      const looks = this.#waiting.get(streamId) ?? 0;
      const rank = rankForStream(streamId, lease.id, replicaIds);
      if (rank <= looks && (rank === 0 || delayOf(position) <= 0)) {
        streams.push(stream);
        if (claim === undefined) this.#noteSeen(stream);
        if (streams.length < limit) continue;
        isWhole = false;
        if (inTurn) this.#turns.set(prefix, streamId);
        break;
      }
      if (delayOf(position) > 0) continue;
      left++;
      if (waiting.size < MAX_WAITING) waiting.set(streamId, looks + 1);
    }
    if (isWhole) this.#waiting = waiting;
    return { streams, left };
  }

  #noteSeen(stream: SeenStream): void {
    this.#seen.set(stream.streamId, stream);
    if (this.#seen.size > MAX_SEEN) this.#seen.delete(this.#seen.keys().next().value!);
  }

  /** All streams from the one after `after` on, and who has claimed them; mostly seen in one call. */
  async *#look(
    prefix: string,
    { after, batchSize }: { readonly after: string | undefined; readonly batchSize: number },
  ): AsyncGenerator<readonly [SeenStream, Claim | undefined]> {
    const { claims, connection: { db } } = this.#options;
    const all = this.#store.rangeOf(prefix);
    const rest = this.#store.rangeOf(prefix, after);
    const [entries, claimed] = await db.readFirst([
      { ...rest, batchSize },
      { ...claims.rangeOf(prefix), batchSize: MAX_CLAIMS },
    ]);
    const holders = claimed!.length < MAX_CLAIMS
      ? claims.parse(claimed!)
      : await claims.list(prefix);
    const toPair = (entry: KvStored) => {
      const stream = this.#store.parseEntry(entry);
      return [stream, holders.get(stream.streamId)] as const;
    };
    yield* entries!.map(toPair);
    const last = entries!.at(-1);
    if (last !== undefined && entries!.length === batchSize) {
      const more = { ...this.#store.rangeOf(prefix, last.key.at(-1)!), batchSize };
      for await (const entry of db.list(more)) yield toPair(entry);
    }
    if (after === undefined) return;
    for await (const entry of db.list({ start: all.start, end: rest.start, batchSize })) {
      yield toPair(entry);
    }
  }

  #guard(streamId: string): readonly KvCheck[] {
    const { claims, lease } = this.#options;
    const held = claims.checksFor(streamId);
    if (held !== undefined) return held;
    if (MARKS.some((prefix) => streamId.startsWith(prefix))) return [lease.fence];
    const isShared = SHARED.some((prefix) => streamId.startsWith(prefix));
    const leader = isShared ? undefined : claims.checksFor(LEADER_STREAM);
    if (leader !== undefined) return leader;
    throw new Fault("moved", `Stream '${streamId}' is not claimed by this replica`);
  }

  /** Writes, which ends the lease here when the store refuses it. */
  async #write(forgotten: readonly string[], write: () => Promise<void>): Promise<void> {
    const { claims, lease, onFenced } = this.#options;
    // What is begun after the deadline is not even tried.
    if (!lease.isHeld) throw lease.lost.reason;
    try {
      await write();
    } catch (error) {
      if (!(error instanceof Fault) || error.kind !== "moved") throw error;
      if (!await this.#isForgotten(forgotten)) {
        if (!lease.lost.aborted) onFenced();
        lease.lose("the store refuses what it writes");
        throw error;
      }
    }
    for (const id of forgotten) {
      if (!isKeptWithoutPosition(id)) claims.forgotten(id);
    }
  }

  /** Whether an earlier try of the same write has come through, and took the claims with it. */
  async #isForgotten(streamIds: readonly string[]): Promise<boolean> {
    const { connection: { db, prefix }, lease: { fence } } = this.#options;
    if (streamIds.length === 0) return false;
    const keys = streamIds.slice(0, 9).map((id) => [...prefix, "position", id]);
    const [ours, ...positions] = await db.read([fence.key, ...keys]);
    return ours!.version === fence.version && positions.every(({ value }) => value === undefined);
  }
}

/** Who leads does so also while the log is read by chunks, and has no position of its own. */
function isKeptWithoutPosition(streamId: string): boolean {
  return streamId === LEADER_STREAM;
}
