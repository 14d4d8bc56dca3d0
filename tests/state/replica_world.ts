/** Replicas that share a store in a simulated world, for the test beside this file. */
import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { decodeKvValue, encodeKvValue, type KvConnection } from "../../src/state/kv_connection.ts";
import { ReplicaLease } from "../../src/state/replica_lease.ts";
import { StreamClaims } from "../../src/state/stream_claims.ts";
import { LEADER_STREAM, waitToLead } from "../../src/state/wait_to_lead.ts";
import { VirtualKv, VirtualKvServer } from "./virtual_kv.ts";
import { VirtualMachine, VirtualTime } from "./virtual_time.ts";

const PREFIX = ["v1"];
export const TIMES = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };
/** How often a leader of these tests forwards something. */
const STEP_MS = 300;
/** A stream that is shared out, besides the log. */
export const SHARED_STREAM = "session/a";

/** Something that happened for a stream, under a claim of it. */
interface Deed {
  readonly atMs: number;
  readonly streamId: string;
  readonly holder: string;
  readonly epoch: number;
}

export class ReplicaWorld {
  readonly time = new VirtualTime();
  readonly server = new VirtualKvServer();
  readonly random: () => number;
  /** What went to the receiver, and what was committed, each in its order. */
  readonly sent: Deed[] = [];
  readonly committed: Deed[] = [];
  readonly replicas: VirtualReplica[] = [];
  expelledCount = 0;

  constructor(count: number, random: () => number) {
    this.random = random;
    this.server.onWritten = ({ set = [] }) => {
      for (const { key, value } of set) {
        if (key.at(-2) !== "position") continue;
        const { epoch, holder } = decodeKvValue(value) as Deed;
        const streamId = key.at(-1)!;
        if (holder === undefined) continue;
        this.committed.push({ atMs: this.time.nowMs, streamId, holder, epoch });
      }
    };
    const position = encodeKvValue({});
    this.server.write({ set: [{ key: [...PREFIX, "position", SHARED_STREAM], value: position }] });
    for (let at = 0; at < count; at++) this.replicas.push(new VirtualReplica(this, `r${at}`));
  }

  /** The replica whose commits come in now, as far as any do. */
  async leaderWithin(ms: number): Promise<string | undefined> {
    const before = this.committed.length;
    const endMs = this.time.nowMs + ms;
    while (this.time.nowMs < endMs) {
      await this.time.advance(50);
      const news = this.committed.slice(before).filter((d) => d.streamId === LEADER_STREAM);
      if (news.length > 0) return news[0]!.holder;
    }
    return undefined;
  }

  /** No claim's deeds are mixed with those of another; its epoch is of one replica alone. */
  judge(): void {
    for (const [what, deeds] of [["sent", this.sent], ["committed", this.committed]] as const) {
      const holders = new Map<string, string>();
      const newest = new Map<string, number>();
      for (const { atMs, epoch, holder, streamId } of deeds) {
        const key = `${streamId} ${epoch}`;
        const known = holders.get(key);
        assert.ok(known === undefined || known === holder, `Two holders of ${key}: ${what}`);
        holders.set(key, holder);
        const before = newest.get(streamId) ?? 0;
        assert.ok(
          epoch >= before,
          `${holder} has ${what} ${streamId} in epoch ${epoch} at ${atMs}, after epoch ${before}`,
        );
        newest.set(streamId, epoch);
      }
    }
  }
}

/** A program that lives, leads when it can, and forwards what it has claimed. */
export class VirtualReplica {
  readonly name: string;
  readonly #world: ReplicaWorld;
  readonly machine: VirtualMachine;
  kv: VirtualKv;
  #lives = 0;
  #ended = new AbortController();
  #lease: ReplicaLease | undefined;
  /** Whether it was killed; then nothing of it runs, and what it has sent is on its way. */
  #killed = new AbortController();

  constructor(world: ReplicaWorld, name: string) {
    this.name = name;
    this.#world = world;
    // No two clocks agree, by up to a day.
    this.machine = new VirtualMachine(world.time, (world.random() - 0.5) * 2 * 86_400_000);
    this.kv = this.#connect();
    this.start();
  }

  get isRunning(): boolean {
    return !this.#ended.signal.aborted;
  }

  start(): void {
    this.#ended = new AbortController();
    this.#killed = new AbortController();
    const [ended, killed] = [this.#ended.signal, this.#killed.signal];
    this.#live(ended, killed).catch((error) => {
      if (!killed.aborted) throw error;
    });
  }

  kill(): void {
    this.#ended.abort();
    this.#killed.abort();
    this.machine.wake();
    this.kv = this.#connect();
  }

  /** An end in good order. */
  stop(): void {
    this.#ended.abort();
    this.#lease?.release();
  }

  async #live(ended: AbortSignal, killed: AbortSignal): Promise<void> {
    const kv = this.kv;
    const connection: KvConnection = { db: kv, prefix: PREFIX };
    const clock = {
      nowMs: () => this.machine.nowMs(),
      monotonicMs: () => this.machine.monotonicMs(),
      sleep: async (ms: number, signal?: AbortSignal) => {
        await this.machine.sleep(ms, signal);
        await unlessAborted(killed);
      },
    };
    let last: ReplicaLease | undefined;
    while (!ended.aborted) {
      const id = `${this.name}-${++this.#lives}`;
      const options = { connection, clock, times: TIMES, name: this.name, id };
      const onExpelled = () => void this.#world.expelledCount++;
      const lease = await ReplicaLease.take({ ...options, last, onExpelled }).catch(expectState);
      await unlessAborted(killed);
      if (lease === undefined) {
        await clock.sleep(TIMES.retryMs);
        continue;
      }
      this.#lease = lease;
      const claims = new StreamClaims(connection, lease);
      const running = [
        lease.run(),
        this.#lead({ claims, clock, lease }),
        this.#share({ claims, clock, lease }),
      ];
      await Promise.race([Promise.all(running), until(killed)]);
      await unlessAborted(killed);
      await lease.release();
      last = lease;
    }
  }

  async #lead({ claims, clock, lease }: Life): Promise<void> {
    const pollMs = 500;
    const onFollowing = () => {};
    const led = await waitToLead({ claims, clock, lease, pollMs, onFollowing });
    if (led !== undefined) await this.#forward({ claims, clock, lease }, LEADER_STREAM);
  }

  /** Forwards the shared stream now and then, and lets others have it. */
  async #share({ claims, clock, lease }: Life): Promise<void> {
    while (lease.isHeld) {
      const result = await claims.take(SHARED_STREAM, { ifStored: true }).catch(expectState);
      if (result?.kind === "taken") {
        await this.#forward({ claims, clock, lease }, SHARED_STREAM, 5);
        await claims.release(SHARED_STREAM).catch(expectState);
      }
      await clock.sleep(1000 + 2000 * this.#world.random(), lease.lost).catch(() => {});
    }
  }

  async #forward(
    { claims, clock, lease }: Life,
    streamId: string,
    steps = Infinity,
  ): Promise<void> {
    for (let step = 0; step < steps && lease.isHeld; step++) {
      const checks = claims.checksFor(streamId)!;
      // The version of the claim grows with each one, also where it was released in between.
      const epoch = Number(checks[1]!.version);
      this.#world.sent.push({ atMs: this.#world.time.nowMs, streamId, holder: lease.id, epoch });
      const value = encodeKvValue({ holder: lease.id, epoch });
      const set = [{ key: [...PREFIX, "position", streamId], value }];
      const version = await this.kv.write({ checks, set }, { signal: lease.lost }).catch(
        (error) => lease.lost.aborted ? undefined : expectState(error) ?? "unknown",
      );
      if (version === undefined) return lease.lose("a commit was refused");
      await clock.sleep(STEP_MS, lease.lost).catch(() => {});
    }
  }

  #connect(): VirtualKv {
    const { random, server, time } = this.#world;
    return new VirtualKv(server, { time, machine: this.machine, random });
  }
}

interface Life {
  readonly claims: StreamClaims;
  readonly clock: VirtualMachine | ReplicaLeaseClock;
  readonly lease: ReplicaLease;
}
type ReplicaLeaseClock = ConstructorParameters<typeof ReplicaLease>[0]["clock"];

function expectState(error: unknown): undefined {
  if (error instanceof Fault && error.kind === "state") return undefined;
  throw error;
}

/** What was killed does nothing any more. */
async function unlessAborted(killed: AbortSignal): Promise<void> {
  if (killed.aborted) await new Promise<never>(() => {});
}

function until(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
