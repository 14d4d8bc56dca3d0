import { Fault } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { ReplicaRole, ReplicaStatus } from "../diagnostics/run_snapshot.ts";
import { leasedSink } from "../pipeline/leased_sink.ts";
import { waitForStore } from "../pipeline/wait_for_store.ts";
import type { KvConnection } from "../state/kv_connection.ts";
import { ReplicaLease } from "../state/replica_lease.ts";
import type { SeenReplica } from "../state/replica_watch.ts";
import { SharedStore } from "../state/shared_store.ts";
import { StreamClaims } from "../state/stream_claims.ts";
import { LEADER_STREAM, waitToLead } from "../state/wait_to_lead.ts";
import type { LogPosition } from "../teleport/log_position.ts";
import type { Forwarding } from "./forwarding.ts";
import { runStreams } from "./run_streams.ts";
import { watchRun } from "./watch_run.ts";

/** How often it is looked whether nobody leads: soon enough that a stop in good order goes unnoticed. */
const LONGEST_LEADER_POLL_MS = 500;

/** What a run with a store for several replicas takes. */
export interface ReplicaInput {
  readonly firstPosition: LogPosition;
  readonly logger: Logger;
  /** The store that the replicas share. */
  readonly server: KvConnection;
  /** Told when all streams of a lease have ended, so that what failed of them is no matter any more. */
  readonly onBeginAnew: () => void;
}

/** Length of what tells one lease of a replica from another, behind its name. */
const ID_SUFFIX = 9;
/** Longest part of a name that is used: it is part of a key. */
const MAX_NAME = 100;

/**
 * Runs as one of several replicas: forwards its part of the recordings and chunks, and the log when it
 * leads. Everything goes on under a lease; when that is lost, everything is begun anew with another one.
 */
export async function runReplica(
  parts: Omit<Forwarding, "meter">,
  input: ReplicaInput,
): Promise<void> {
  const replica = new Replica(parts, {
    ...input,
    name: parts.config.replicaName ?? await readHostName(),
  });
  parts.status.useReplica(() => replica.status);
  while (!parts.stop.aborted) {
    if (await replica.live() === "ended") return;
  }
}

/** One process among its like, through all its leases. */
class Replica {
  readonly #parts: Omit<Forwarding, "meter">;
  readonly #input: ReplicaInput & { readonly name: string };
  readonly #name: string;
  #lease: ReplicaLease | undefined;
  /** What it held before, and under which nothing goes on any more. */
  #last: ReplicaLease | undefined;
  #claims: StreamClaims | undefined;
  #role: ReplicaRole = "joining";
  #epoch: number | undefined;
  #leaderId: string | undefined;
  #takeovers = 0;
  #fencedWrites = 0;

  constructor(parts: Omit<Forwarding, "meter">, input: ReplicaInput & { readonly name: string }) {
    this.#parts = parts;
    this.#input = input;
    this.#name = input.name.slice(0, MAX_NAME);
  }

  get status(): ReplicaStatus {
    const nowMs = this.#parts.clock.monotonicMs();
    const replicas = (this.#lease?.replicas ?? []).map((seen) => ({
      name: seen.name,
      isSelf: seen.id === this.#lease?.id,
      isLeader: seen.id === this.#leaderId,
      claims: seen.id === this.#lease?.id ? this.#countClaims() : seen.claims,
      seenAgoMs: seen.id === this.#lease?.id ? 0 : nowMs - seen.changedAtMs,
    }));
    return {
      name: this.#name,
      role: this.#role,
      epoch: this.#epoch,
      claims: this.#countClaims(),
      takeovers: this.#takeovers,
      fencedWrites: this.#fencedWrites,
      replicas,
    };
  }

  /** From one lease to its end; "ended" when the run is over. */
  async live(): Promise<"ended" | "lost"> {
    const { logger } = this.#input;
    const lease = await this.#takeLease();
    if (lease === undefined) return "ended";
    // Once more: a write of the last lease may have failed after its end.
    this.#input.onBeginAnew();
    const keeping = lease.run();
    try {
      await this.#forward(lease);
      return "ended";
    } catch (error) {
      if (!lease.lost.aborted || !(error instanceof Fault)) throw error;
      return this.#parts.stop.aborted ? "ended" : "lost";
    } finally {
      if (lease.lost.aborted && !this.#parts.stop.aborted) {
        const { message } = lease.lost.reason as Fault;
        logger.warning(`${message}. Nothing more is sent under it; it takes a new one`, {
          replica: this.#name,
        });
      }
      this.#role = "joining";
      this.#epoch = undefined;
      this.#leaderId = undefined;
      await lease.release();
      await keeping;
      this.#last = lease;
      this.#lease = undefined;
      this.#claims = undefined;
      // At the end of the run, what could not be stored is told of.
      if (!this.#parts.stop.aborted) this.#input.onBeginAnew();
    }
  }

  async #takeLease(): Promise<ReplicaLease | undefined> {
    const { clock, config, stop } = this.#parts;
    const connection = this.#input.server;
    const times = {
      durationMs: config.leaseDurationMs,
      renewDeadlineMs: config.leaseRenewDeadlineMs,
      retryMs: config.leaseRetryMs,
    };
    const lease = await waitForStore(() => {
      // A try whose answer did not come may have left a lease behind, which nobody renews.
      const id = `${this.#name}-${crypto.randomUUID().slice(1 - ID_SUFFIX)}`;
      return ReplicaLease.take({
        connection,
        clock,
        times,
        name: this.#name,
        id,
        last: this.#last,
        countClaims: () => this.#countClaims(),
        stop,
        onExpelled: (replica) => this.#tellExpelled(replica),
      });
    }, { ...this.#parts, streamId: "log", maxPauseMs: config.leaseRetryMs }).catch((error) => {
      // Nothing is in flight that a store which does not answer could hold the end up for.
      if (stop.aborted) return undefined;
      throw error;
    });
    this.#lease = lease;
    this.#claims = lease && new StreamClaims(connection, lease);
    return lease;
  }

  async #forward(lease: ReplicaLease): Promise<void> {
    const { firstPosition, logger, server } = this.#input;
    const store = new SharedStore({
      connection: server,
      lease,
      claims: this.#claims!,
      onFenced: () => this.#fencedWrites++,
      onTakeover: () => this.#takeovers++,
    });
    const forwarding = watchRun({
      ...this.#parts,
      store,
      stop: AbortSignal.any([this.#parts.stop, lease.lost]),
      abort: AbortSignal.any([this.#parts.abort, lease.lost]),
      sinkFor: (url) => leasedSink(this.#parts.sinkFor(url), lease),
    });
    const waitToLead = () => this.#waitToLead(lease);
    await runStreams(forwarding, { firstPosition, logger, shared: { sharing: store, waitToLead } });
    // A stream that was cut off by the loss of the lease ends without a word.
    if (lease.lost.aborted) throw lease.lost.reason;
  }

  async #waitToLead(lease: ReplicaLease): Promise<boolean> {
    const { clock, config, status, stop } = this.#parts;
    const { logger } = this.#input;
    const pollMs = Math.min(LONGEST_LEADER_POLL_MS, config.leaseRetryMs / 2);
    const led = await waitToLead({
      claims: this.#claims!,
      lease,
      clock,
      pollMs,
      stop,
      onFollowing: (leaderId) => {
        this.#role = "follower";
        this.#leaderId = leaderId;
        status.follows();
        logger.info("Following: another replica reads the audit log", {
          replica: this.#name,
          leader: leaderId.slice(0, -ID_SUFFIX),
        });
      },
    });
    if (led === undefined) return false;
    this.#role = "leader";
    this.#epoch = led.epoch;
    this.#leaderId = lease.id;
    if (led.isTakeover) this.#takeovers++;
    logger.info("Leading: this replica reads the audit log", {
      replica: this.#name,
      epoch: led.epoch,
    });
    return true;
  }

  /** Streams that are forwarded here, besides the log. */
  #countClaims(): number {
    return (this.#claims?.heldIds ?? []).filter((id) => id !== LEADER_STREAM).length;
  }

  #tellExpelled({ name }: SeenReplica): void {
    const { config } = this.#parts;
    this.#input.logger.warning("A replica gives no sign of life: others take over its streams", {
      replica: name,
      silent_for: `${config.leaseDurationMs / 1000}s`,
    });
  }
}

/** As the system has it in a file, which takes no permission beyond reading files. */
async function readHostName(): Promise<string> {
  const text = await Deno.readTextFile("/etc/hostname").catch(() => "");
  return text.trim() || "replica";
}
