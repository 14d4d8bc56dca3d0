import assert from "node:assert/strict";
import { encodeKvValue } from "../../src/state/kv_connection.ts";
import { ReplicaLease } from "../../src/state/replica_lease.ts";
import { StreamClaims } from "../../src/state/stream_claims.ts";
import { TIMES } from "./replica_world.ts";
import { VirtualKv, VirtualKvServer } from "./virtual_kv.ts";
import { VirtualMachine, VirtualTime } from "./virtual_time.ts";

const STREAM = "session/a";
const POSITION = ["v1", "position", STREAM];

/** A store that holds one stream, and replicas that are made of it; `settle` lets calls end. */
function makeRig() {
  const time = new VirtualTime();
  const server = new VirtualKvServer();
  server.write({ set: [{ key: POSITION, value: encodeKvValue({}) }] });
  const settle = async <T>(call: Promise<T>): Promise<T> => {
    await time.advance(6000);
    return await call;
  };
  const join = async (id: string) => {
    const machine = new VirtualMachine(time, 0);
    const kv = new VirtualKv(server, { time, machine, random: () => 0.5 });
    const connection = { db: kv, prefix: ["v1"] };
    const lease = await settle(
      ReplicaLease.take({ connection, clock: machine, times: TIMES, name: id, id }),
    );
    const claims = new StreamClaims(connection, lease);
    const commit = (streamId: string) =>
      server.write({
        checks: claims.checksFor(streamId) ?? [],
        set: [{ key: ["v1", "position", streamId], value: encodeKvValue({ by: id }) }],
      }) !== undefined;
    return { claims, commit, kv, lease };
  };
  return { join, server, settle };
}

Deno.test("StreamClaims gives a stream to one replica alone", async () => {
  const { join, settle } = makeRig();
  const [a, b] = [await join("a"), await join("b")];
  assert.deepEqual(await settle(a.claims.take(STREAM)), {
    kind: "taken",
    epoch: 1,
    isTakeover: false,
  });
  assert.deepEqual(await settle(b.claims.take(STREAM)), { kind: "held", holder: "a" });
  assert.equal(b.claims.checksFor(STREAM), undefined);
  assert.deepEqual(await settle(b.claims.list("session/")), new Map([[STREAM, holderOf("a")]]));
});

Deno.test("StreamClaims gives a stream to one of several that ask at once", async () => {
  const { join, settle } = makeRig();
  const replicas = [await join("a"), await join("b"), await join("c")];
  const results = await settle(Promise.all(replicas.map(({ claims }) => claims.take(STREAM))));
  assert.equal(results.filter(({ kind }) => kind === "taken").length, 1);
});

Deno.test("StreamClaims: a stream that was released is anybody's, and its holder may not write it", async () => {
  const { join, settle } = makeRig();
  const [a, b] = [await join("a"), await join("b")];
  await settle(a.claims.take(STREAM));
  assert.ok(a.commit(STREAM));
  await settle(a.claims.release(STREAM));
  assert.equal(a.claims.checksFor(STREAM), undefined);
  assert.equal((await settle(b.claims.take(STREAM))).kind, "taken");
});

Deno.test("StreamClaims: when a lease is gone, its claims are anybody's, and nothing of it is written", async () => {
  const { join, settle } = makeRig();
  const [a, b] = [await join("a"), await join("b")];
  await settle(a.claims.take(STREAM));
  await settle(a.lease.release());
  assert.equal(a.commit(STREAM), false);
  assert.deepEqual(await settle(b.claims.take(STREAM, { lastHolder: "a" })), {
    kind: "taken",
    epoch: 2,
    isTakeover: true,
  });
  assert.ok(b.commit(STREAM));
});

Deno.test("StreamClaims takes no stream whose position is gone", async () => {
  const { join, server, settle } = makeRig();
  const a = await join("a");
  server.write({ remove: [POSITION] });
  assert.deepEqual(await settle(a.claims.take(STREAM, { ifStored: true })), { kind: "done" });
});

Deno.test("StreamClaims: a claim whose answer did not come is found at the next try", async () => {
  const { join, settle } = makeRig();
  const a = await join("a");
  const { claims, kv } = a;
  const first = claims.take(STREAM);
  first.catch(() => {});
  // The reading is answered, the writing is done and not answered.
  const write = kv.write.bind(kv);
  kv.write = (...args) => {
    kv.network = "mute";
    return write(...args);
  };
  await assert.rejects(settle(first), /has not answered/);
  kv.network = "good";
  assert.equal(claims.checksFor(STREAM), undefined);
  assert.equal((await settle(claims.take(STREAM))).kind, "taken");
  assert.ok(a.commit(STREAM));
});

function holderOf(holder: string) {
  return { holder, epoch: 1 };
}
