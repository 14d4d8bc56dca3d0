import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import {
  encodeKvValue,
  keysBelow,
  type KvCheck,
  type KvConnection,
  type KvKey,
} from "./kv_connection.ts";
import { type ReplicaNote, ReplicaWatch, type SeenReplica } from "./replica_watch.ts";

/** How long a lease lasts, and how it is kept. */
export interface LeaseTimes {
  /** Others take over when a lease stayed unchanged for so long, in milliseconds. */
  readonly durationMs: number;
  /** Whoever could not renew its lease for so long stops by itself; shorter than `durationMs`. */
  readonly renewDeadlineMs: number;
  /** Pause between two renewals, and between two looks at those of others. */
  readonly retryMs: number;
}

/** Who takes a lease. */
export interface ReplicaLeaseOptions {
  readonly connection: KvConnection;
  readonly clock: Clock;
  readonly times: LeaseTimes;
  /** As people call this replica. */
  readonly name: string;
  /** Tells this life of the replica from all others. */
  readonly id: string;
  /** Streams that are claimed now, told with each renewal. */
  readonly countClaims?: () => number;
  /**
   * What this very process held before, and under which nothing goes on any more: it is taken away with
   * the write of the new one, unless others did that already.
   */
  readonly last?: ReplicaLease | undefined;
  /** Gives up the taking of the lease: it rejects with the reason. */
  readonly stop?: AbortSignal;
  /** Told of a replica that was taken for dead by this one. */
  readonly onExpelled?: (replica: SeenReplica) => void;
}

/** Longest time that giving the lease back may take. */
const RELEASE_MS = 1000;

/**
 * The lease of one replica: the proof that it lives. All that it claims hangs on it, so that keeping
 * many claims costs one write for each renewal.
 *
 * Two keys: `lease` changes with each renewal, `fence` never. Whatever this replica writes is checked
 * with its fence, which others take away together with the lease once that stayed unchanged for
 * `durationMs` while they watched. From then on nothing of it is written any more, however late it
 * arrives. A lease that is lost stays lost: the replica comes back as another one, with a new id.
 *
 * Where it could not be given back, because the store was away, the new lease takes its place in one
 * write, so that nobody waits for its end. That is the giving back, later: everything under it had ended
 * before the write was made, in the one process that can know. The write is checked with the fence of
 * the last one, which is written once and never again. So, whatever comes late or in between:
 *
 * - What was written under the last lease comes before, while its claims still keep others away, or
 *   after, and is refused. A late renewal of it is one of these.
 * - Others took it away before: the check fails, and the new lease is written alone. They come after:
 *   their check of the last lease fails.
 * - A try that was given up comes before the next one: then the check of that fails, and it is written
 *   alone; what the first has written is a lease under which nobody does anything, and ends as such. It
 *   comes after: its check fails, and nothing is written.
 * - The process stands still at any point: the last lease has ended on this side, and the deadline of
 *   the new one counts from before its write.
 * - The process dies: nobody else knows that the last lease had ended, and others wait for its end.
 */
export class ReplicaLease {
  readonly id: string;
  readonly name: string;
  readonly #options: ReplicaLeaseOptions;
  readonly #watch: ReplicaWatch;
  readonly #fence: KvCheck;
  readonly #lost = new AbortController();
  readonly #startedAt: string;
  #beat = 0;
  /** On the monotonic clock. */
  #deadlineMs: number;

  /** Wraps a lease that was written already; use `take`. */
  constructor(
    options: ReplicaLeaseOptions,
    taken: { readonly fence: KvCheck; readonly askedAtMs: number },
  ) {
    this.#options = options;
    this.id = options.id;
    this.name = options.name;
    this.#watch = new ReplicaWatch(options.times.durationMs);
    this.#fence = taken.fence;
    this.#deadlineMs = taken.askedAtMs + options.times.renewDeadlineMs;
    this.#startedAt = new Date(options.clock.nowMs()).toISOString();
  }

  /** Writes a new lease. @throws {Fault} of kind `state`; then another id is to be used. */
  static async take(options: ReplicaLeaseOptions): Promise<ReplicaLease> {
    const { clock, connection: { db, prefix }, id, last, name, stop, times } = options;
    if (last !== undefined && !last.lost.aborted) {
      throw new Fault("internal", `The lease of '${last.id}' is still held`);
    }
    const note = { name, beat: 0, claims: 0, startedAt: new Date(clock.nowMs()).toISOString() };
    const fenceKey = fenceKeyOf(prefix, id);
    const ask = async (checks: readonly KvCheck[], remove: readonly KvKey[]) => {
      const askedAtMs = clock.monotonicMs();
      const version = await db.write({
        checks: [{ key: fenceKey, version: undefined }, ...checks],
        set: [
          { key: fenceKey, value: encodeKvValue({ name }) },
          { key: [...prefix, "lease", id], value: encodeKvValue(note) },
        ],
        remove,
        // As a renewal: one that came later would be lost as soon as it is there.
      }, { limitMs: times.renewDeadlineMs / 2, ...stop === undefined ? {} : { signal: stop } });
      return version === undefined ? undefined : { fence: { key: fenceKey, version }, askedAtMs };
    };
    const taken = (last && await ask([last.fence], last.#keys)) ?? await ask([], []);
    if (taken === undefined) {
      throw new Fault("internal", `Another replica has the id '${id}' already`);
    }
    // One lease knows of one before it, and not of all.
    return new ReplicaLease({ ...options, last: undefined }, taken);
  }

  /** Holds for every write that the lease allows, and for none after it was taken away. */
  get fence(): KvCheck {
    return this.#fence;
  }

  /** Aborted as soon as the lease is lost or was given back; the reason says why. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Whether anything may still be done under the lease. A look after the deadline loses it. */
  get isHeld(): boolean {
    if (!this.#lost.signal.aborted && this.#options.clock.monotonicMs() >= this.#deadlineMs) {
      const { renewDeadlineMs } = this.#options.times;
      this.lose(`it could not be renewed for ${renewDeadlineMs / 1000} s`);
    }
    return !this.#lost.signal.aborted;
  }

  /** All replicas that were seen, this one included; one that died is there until its lease ends. */
  get replicas(): readonly SeenReplica[] {
    return this.#watch.replicas;
  }

  /** Ids of the replicas between which streams are shared out. */
  get replicaIds(): readonly string[] {
    return this.#watch.replicas.map(({ id }) => id);
  }

  /** Ends the lease on this side; what it stood for goes on elsewhere. */
  lose(why: string): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(new Fault("state", `The lease of this replica is lost: ${why}`));
  }

  /** Keeps the lease, and watches those of others, until it is lost or given back. Never rejects. */
  async run(): Promise<void> {
    await Promise.all([this.#renewAgain(), this.#watchOthers(), this.#watchDeadline()]);
  }

  /** Gives the lease back, so that others take over at once; what cannot be done in time is left. */
  async release(): Promise<void> {
    const isHeld = this.isHeld;
    this.lose("it was given back");
    // Also a lease that is lost here may still stand there, and others would wait for its end.
    const { connection: { db }, times } = this.#options;
    const limitMs = isHeld ? RELEASE_MS : Math.min(RELEASE_MS, times.retryMs);
    await db.write({ checks: [this.#fence], remove: this.#keys }, { limitMs }).catch(() => {});
  }

  get #leaseKey(): readonly string[] {
    return [...this.#options.connection.prefix, "lease", this.id];
  }

  get #keys(): readonly (readonly string[])[] {
    return [this.#leaseKey, this.#fence.key];
  }

  async #renewAgain(): Promise<void> {
    const { clock, countClaims, connection: { db }, name, times } = this.#options;
    while (await this.#sleep(times.retryMs)) {
      const askedAtMs = clock.monotonicMs();
      const note: ReplicaNote = {
        name,
        beat: ++this.#beat,
        claims: countClaims?.() ?? 0,
        startedAt: this.#startedAt,
      };
      try {
        const version = await db.write({
          checks: [this.#fence],
          set: [{ key: this.#leaseKey, value: encodeKvValue(note) }],
        }, { limitMs: times.renewDeadlineMs / 2, signal: this.#lost.signal });
        if (version === undefined) this.lose("another replica has taken this one for dead");
        else this.#deadlineMs = askedAtMs + times.renewDeadlineMs;
      } catch {
        // Tried again until the deadline; the streams tell of a store that fails.
      }
    }
  }

  async #watchDeadline(): Promise<void> {
    const { clock } = this.#options;
    while (await this.#sleep(Math.max(1, this.#deadlineMs - clock.monotonicMs())));
  }

  async #watchOthers(): Promise<void> {
    const { clock, connection: { db, prefix }, times } = this.#options;
    const range = keysBelow([...prefix, "lease"]);
    do {
      const askedAtMs = clock.monotonicMs();
      try {
        const entries = await Array.fromAsync(db.list(range, {
          limitMs: times.renewDeadlineMs / 2,
          signal: this.#lost.signal,
        }));
        this.#watch.observe(entries, clock.monotonicMs());
        for (const { key, version } of this.#watch.expiredAt(askedAtMs)) {
          const id = key.at(-1)!;
          if (id !== this.id) await this.#expel({ key, version });
        }
      } catch {
        // Who cannot look cannot say that anybody is dead.
      }
    } while (await this.#sleep(this.#untilNextLook()));
  }

  /** A look in time when a lease is about to end, so that its end is not seen a pause too late. */
  #untilNextLook(): number {
    const { clock, times } = this.#options;
    const nowMs = clock.monotonicMs();
    const leftMs = (this.#watch.nextExpiryMs ?? Infinity) - nowMs;
    return Math.max(Math.min(times.retryMs, leftMs), times.retryMs / 10);
  }

  /** Takes the lease of a replica away, with all its claims, unless it has renewed it meanwhile. */
  async #expel(lease: KvCheck): Promise<void> {
    const { connection: { db, prefix }, onExpelled } = this.#options;
    const id = lease.key.at(-1)!;
    const replica = this.#watch.replicas.find((seen) => seen.id === id)!;
    const version = await db.write({
      checks: [lease, this.#fence],
      remove: [lease.key, fenceKeyOf(prefix, id)],
    }, { signal: this.#lost.signal });
    if (version !== undefined) onExpelled?.(replica);
  }

  /** Whether the lease is still held after a pause. */
  async #sleep(ms: number): Promise<boolean> {
    await this.#options.clock.sleep(ms, this.#lost.signal).catch(() => {});
    return this.isHeld;
  }
}

/** The key that stands for as long as a replica may write. */
export function fenceKeyOf(prefix: readonly string[], replicaId: string): readonly string[] {
  return [...prefix, "fence", replicaId];
}
