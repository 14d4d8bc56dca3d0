import { rankForStream } from "../core/rendezvous.ts";
import { Fault } from "../core/fault.ts";
import type {
  Commit,
  FoundStreams,
  PositionStore,
  StreamPosition,
  StreamSearch,
  StreamSharing,
} from "../pipeline/ports.ts";
import type { KvCheck, KvConnection } from "./kv_connection.ts";
import { KvPositionStore } from "./kv_position_store.ts";
import type { ReplicaLease } from "./replica_lease.ts";
import type { Claim, StreamClaims } from "./stream_claims.ts";
import { LEADER_STREAM } from "./wait_to_lead.ts";

/** Marks that whoever forwards a stream writes about it, under the claim of that stream. */
const MARKS = ["done/", "abandoned/"];
/** Streams that are shared out; all others are the leader's. */
const SHARED = ["session/", "chunk/"];
/** Streams of others that are kept in mind, so that they are helped out with when they wait for long. */
const MAX_WAITING = 5000;

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

  async claim(streamId: string): Promise<boolean> {
    const { claims, lease, onTakeover } = this.#options;
    const result = await claims.take(streamId, { ifStored: true });
    if (result.kind !== "taken") return false;
    if (result.isTakeover) onTakeover(streamId);
    return lease.isHeld;
  }

  release(streamId: string): Promise<void> {
    return this.#options.claims.release(streamId);
  }

  /**
   * A stream is looked for by the replica that comes first for it. One that waits although others should
   * have begun it may be taken by the next, and with each further look by one more.
   */
  async find({ delayOf, isKnown, limit, prefix }: StreamSearch): Promise<FoundStreams> {
    const { claims, lease } = this.#options;
    const replicaIds = lease.replicaIds;
    const alive = new Set(replicaIds);
    let claimed: ReadonlyMap<string, Claim> | undefined;
    const streams: StreamPosition[] = [];
    const waiting = new Map<string, number>();
    let left = 0;
    let isWhole = true;
    // About as many as hold what is wanted: of those that wait, some are for each replica.
    const batchSize = Math.min(500, limit * (replicaIds.length + 1));
    for await (const stream of this.#store.list(prefix, batchSize)) {
      const { position, streamId } = stream;
      // Mostly nothing waits, and nobody has to be asked who has it.
      claimed ??= await claims.list(prefix);
      const holder = claimed.get(streamId)?.holder;
      const isOthers = holder !== undefined && holder !== lease.id && alive.has(holder);
      if (isOthers || isKnown(streamId)) continue;
      const looks = this.#waiting.get(streamId) ?? 0;
      const rank = rankForStream(streamId, lease.id, replicaIds);
      if (rank <= looks && (rank === 0 || delayOf(position) <= 0)) {
        streams.push(stream);
        if (streams.length < limit) continue;
        isWhole = false;
        break;
      }
      if (delayOf(position) > 0) continue;
      left++;
      if (waiting.size < MAX_WAITING) waiting.set(streamId, looks + 1);
    }
    if (isWhole) this.#waiting = waiting;
    return { streams, left };
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
