/** Replicas of a virtual store, each with its lease, its claims and its share of the streams. */
import type { StreamPosition } from "../../src/pipeline/ports.ts";
import { encodeKvValue } from "../../src/state/kv_connection.ts";
import { ReplicaLease } from "../../src/state/replica_lease.ts";
import { SharedStore } from "../../src/state/shared_store.ts";
import { StreamClaims } from "../../src/state/stream_claims.ts";
import { LEADER_STREAM } from "../../src/state/wait_to_lead.ts";
import { TIMES } from "./replica_world.ts";
import { VirtualKv, VirtualKvServer } from "./virtual_kv.ts";
import { VirtualMachine, VirtualTime } from "./virtual_time.ts";

export type SharedReplica = Awaited<ReturnType<SharedRig["join"]>>;

export class SharedRig {
  readonly time = new VirtualTime();
  readonly server = new VirtualKvServer();

  /** Puts streams there as a leader would. */
  put(streams: readonly StreamPosition[]): void {
    this.server.write({
      set: streams.map(({ position, streamId }) => ({
        key: ["v1", "position", streamId],
        value: encodeKvValue(position),
      })),
    });
  }

  /** Ids of the streams that are there. */
  ids(kind: "position" | "claim" = "position"): string[] {
    const range = { start: ["v1", kind, ""], end: ["v1", kind, "\u{10ffff}"] };
    return this.server.list(range).map(({ key }) => key.at(-1)!);
  }

  /** Lets a call end, for at most six seconds of the world. */
  async settle<T>(call: Promise<T>): Promise<T> {
    let isDone = false;
    call.then(() => isDone = true, () => isDone = true);
    for (let steps = 0; steps < 60 && !isDone; steps++) await this.time.advance(100);
    return await call;
  }

  /** A replica that keeps its lease from now on. */
  async join(id: string) {
    const machine = new VirtualMachine(this.time, 0);
    const kv = new VirtualKv(this.server, { time: this.time, machine, random: () => 0.5 });
    const connection = { db: kv, prefix: ["v1"] };
    const lease = await this.settle(
      ReplicaLease.take({ connection, clock: machine, times: TIMES, name: id, id }),
    );
    const running = lease.run();
    const claims = new StreamClaims(connection, lease);
    const told = { fenced: 0, takeovers: [] as string[] };
    const store = new SharedStore({
      connection,
      lease,
      claims,
      onFenced: () => told.fenced++,
      onTakeover: (streamId) => told.takeovers.push(streamId),
    });
    const lead = async () => await this.settle(claims.take(LEADER_STREAM));
    const leave = async () => {
      await this.settle(lease.release());
      await this.settle(running);
    };
    return { claims, kv, lead, lease, leave, machine, store, told };
  }
}

export function session(name: string, dueMs = 0): StreamPosition {
  const position = { version: 1, index: 0, uploadedAt: null, attempts: dueMs > 0 ? 1 : 0, dueMs };
  return { streamId: `session/${name}`, position };
}
