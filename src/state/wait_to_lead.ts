import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import type { ReplicaLease } from "./replica_lease.ts";
import type { StreamClaims } from "./stream_claims.ts";

/** Who wants to lead. */
export interface WaitToLeadOptions {
  readonly claims: StreamClaims;
  readonly lease: ReplicaLease;
  readonly clock: Clock;
  /** Pause between two looks, in milliseconds. */
  readonly pollMs: number;
  /** Ends the waiting. */
  readonly stop?: AbortSignal;
  /** Told of the replica that leads, when that is another one than before. */
  readonly onFollowing: (leaderId: string) => void;
}

/** The stream whose holder leads. */
export const LEADER_STREAM = "log";

/**
 * Waits until the log is this replica's, which makes it the leader, and returns the epoch. Undefined
 * when its lease is lost before, or the waiting was stopped. Whoever leads does so until its own lease ends.
 */
export async function waitToLead(
  options: WaitToLeadOptions,
): Promise<{ readonly epoch: number; readonly isTakeover: boolean } | undefined> {
  const { claims, clock, lease, onFollowing, pollMs } = options;
  const stop = AbortSignal.any([lease.lost, ...(options.stop === undefined ? [] : [options.stop])]);
  let lastHolder: string | undefined;
  while (lease.isHeld && !stop.aborted) {
    try {
      const result = await claims.take(LEADER_STREAM, { lastHolder });
      if (result.kind === "taken") return lease.isHeld ? result : undefined;
      if (result.kind === "held" && result.holder !== undefined && result.holder !== lastHolder) {
        lastHolder = result.holder;
        onFollowing(lastHolder);
      }
    } catch (error) {
      // The lease has a deadline of its own for a store that is away.
      if (!(error instanceof Fault) || error.kind !== "state") throw error;
    }
    await clock.sleep(pollMs, stop).catch(() => {});
  }
  return undefined;
}
