import assert from "node:assert/strict";
import { rankForStream } from "../../src/core/rendezvous.ts";
import { Fault } from "../../src/core/fault.ts";
import type { StreamSearch } from "../../src/pipeline/ports.ts";
import { session, type SharedReplica, SharedRig } from "./shared_rig.ts";

const SEARCH: StreamSearch = {
  prefix: "session/",
  limit: 100,
  isKnown: () => false,
  delayOf: () => 0,
};

async function find(rig: SharedRig, replica: SharedReplica, search = SEARCH): Promise<string[]> {
  const { streams } = await rig.settle(replica.store.find(search));
  return streams.map(({ streamId }) => streamId);
}

/** Sessions, and two replicas that have seen each other. */
async function makePair() {
  const rig = new SharedRig();
  const sessions = Array.from({ length: 40 }, (_, at) => session(`s${at}`));
  rig.put(sessions);
  const [a, b] = [await rig.join("a"), await rig.join("b")];
  await rig.time.advance(5000);
  const end = async () => {
    for (const { leave } of [a, b]) await leave();
  };
  return { a, b, end, ids: sessions.map(({ streamId }) => streamId), rig };
}

Deno.test("SharedStore.find() parts waiting streams between replicas, and leaves none out", async () => {
  const { a, b, end, ids, rig } = await makePair();
  const [ofA, ofB] = [await find(rig, a), await find(rig, b)];
  assert.deepEqual([...ofA, ...ofB].toSorted(), ids.toSorted());
  assert.ok(ofA.length > 8 && ofB.length > 8);
  await end();
});

Deno.test("SharedStore.find() gives what is wanted and no more, and nothing that is known or claimed", async () => {
  const { a, b, end, rig } = await makePair();
  const first = await find(rig, a, { ...SEARCH, limit: 3 });
  assert.equal(first.length, 3);
  const isKnown = (id: string) => id === first[0];
  assert.deepEqual(await find(rig, a, { ...SEARCH, isKnown, limit: 2 }), first.slice(1));
  assert.ok(await rig.settle(b.store.claim(first[1]!)));
  assert.deepEqual(await find(rig, a, { ...SEARCH, isKnown, limit: 1 }), first.slice(2));
  await end();
});

Deno.test("SharedStore.find() in turn goes on where it had found enough, and comes to all", async () => {
  const rig = new SharedRig();
  const all = ["1", "2", "3", "4", "5", "6", "7"].map((name) => session(name));
  rig.put(all);
  const a = await rig.join("a");
  const look = async (limit: number, inTurn = true) => {
    const found = await find(rig, a, { ...SEARCH, limit, inTurn });
    return found.map((id) => id.at(-1)).join("");
  };
  assert.deepEqual([await look(3), await look(3), await look(3)], ["123", "456", "712"]);
  // One look has all, and the next begins anew.
  assert.deepEqual([await look(9), await look(2)], ["3456712", "12"]);
  assert.deepEqual([await look(2, false), await look(2)], ["12", "12"]);
  await a.leave();
});

Deno.test("SharedStore.find(): what waits though others should have begun it is taken by the next", async () => {
  const { a, b, end, ids, rig } = await makePair();
  const ofB = ids.filter((id) => rankForStream(id, "b", ["a", "b"]) === 0);
  assert.deepEqual((await find(rig, a)).filter((id) => ofB.includes(id)), []);
  assert.deepEqual(
    (await find(rig, a)).filter((id) => ofB.includes(id)).toSorted(),
    ofB.toSorted(),
  );
  await rig.settle(b.store.claim(ofB[0]!));
  assert.ok(!(await find(rig, a)).includes(ofB[0]!));
  await end();
});

Deno.test("SharedStore.find(): who is gone leaves its claims and its part to the others", async () => {
  const { a, b, end, ids, rig } = await makePair();
  const [mine] = await find(rig, a);
  await rig.settle(a.store.claim(mine!));
  await a.leave();
  await rig.time.advance(5000);
  assert.deepEqual((await find(rig, b)).toSorted(), ids.toSorted());
  assert.ok(await rig.settle(b.store.claim(mine!)));
  assert.deepEqual(b.told.takeovers, [mine]);
  await end();
});

Deno.test("SharedStore.find() leaves what has to wait to the replica that comes first for it", async () => {
  const { a, b, end, ids, rig } = await makePair();
  const search = { ...SEARCH, delayOf: () => 1000 };
  for (let looks = 0; looks < 3; looks++) await find(rig, a, search);
  const both = [...await find(rig, a, search), ...await find(rig, b, search)];
  assert.deepEqual(both.toSorted(), ids.toSorted());
  await end();
});

Deno.test("SharedStore.claim() takes one call for a stream that was found, and gives its position", async () => {
  const { a, end, ids, rig } = await makePair();
  const [mine] = await find(rig, a);
  const mark = mine!.replace("session", "done");
  const before = a.kv.calls;
  const claimed = await rig.settle(a.store.claim(mine!, mark));
  assert.deepEqual(claimed, { position: session("").position, isMarked: false });
  await rig.settle(a.store.commit({ streamId: mark, position: {}, forget: [mine!] }));
  assert.ok(a.kv.calls - before - 2 <= 2, "besides the two, the lease is kept");
  assert.deepEqual(rig.ids("claim"), []);
  assert.equal(rig.ids().length, ids.length);
  await end();
});

Deno.test("SharedStore.claim() takes nothing that was claimed, moved or done since it was found", async () => {
  const { a, b, end, rig } = await makePair();
  const [claimed, moved, done, marked] = await find(rig, a);
  assert.ok(await rig.settle(b.store.claim(claimed!)));
  assert.equal(await rig.settle(a.store.claim(claimed!)), undefined);
  // Another one has had it in between, and set it aside.
  rig.put([{ streamId: moved!, position: { index: 7 } }]);
  const { position } = (await rig.settle(a.store.claim(moved!)))!;
  assert.deepEqual(position, { index: 7 });
  await rig.settle(a.store.commit({ streamId: moved!, position: { index: 8 } }));
  rig.server.write({ remove: [["v1", "position", done!]] });
  assert.equal(await rig.settle(a.store.claim(done!)), undefined);
  rig.put([{ streamId: "done/x", position: {} }]);
  assert.equal((await rig.settle(a.store.claim(marked!, "done/x")))?.isMarked, true);
  assert.equal(a.lease.lost.aborted, false);
  await end();
});

Deno.test("SharedStore moves a stream that it has claimed, and no other", async () => {
  const { a, b, end, rig } = await makePair();
  const { position, streamId } = session("s1");
  assert.ok(await rig.settle(a.store.claim(streamId)));
  await rig.settle(a.store.commit({ streamId, position: { ...position, index: 5 } }));
  await assert.rejects(
    rig.settle(b.store.commit({ streamId, position })),
    (error: Fault) => error.kind === "moved",
  );
  assert.ok(b.lease.lost.aborted);
  await end();
});

Deno.test("SharedStore forgets a stream together with its claim, also when the answer did not come", async () => {
  const { a, end, rig } = await makePair();
  for (const [name, isAnswered] of [["s1", true], ["s2", false]] as const) {
    const { streamId } = session(name);
    assert.ok(await rig.settle(a.store.claim(streamId)));
    if (!isAnswered) {
      a.kv.network = "mute";
      await assert.rejects(rig.settle(a.store.forget([streamId])), /has not answered/);
      a.kv.network = "good";
    }
    await rig.settle(a.store.forget([streamId]));
    assert.ok(!rig.ids().includes(streamId) && !rig.ids("claim").includes(streamId));
    assert.deepEqual(a.claims.heldIds, []);
  }
  assert.equal(a.lease.lost.aborted, false);
  await end();
});

Deno.test("SharedStore: what was taken away cannot be written, is counted once, and ends the lease", async () => {
  const { a, b, end, rig } = await makePair();
  const { position, streamId } = session("s1");
  assert.ok(await rig.settle(a.store.claim(streamId)));
  // As when it stood still: it knows nothing of what others do.
  rig.server.write({ remove: [["v1", "fence", "a"], ["v1", "lease", "a"]] });
  assert.ok(await rig.settle(b.store.claim(streamId)));
  await assert.rejects(rig.settle(a.store.commit({ streamId, position: { index: 9 } })));
  assert.equal(a.told.fenced, 1);
  assert.ok(a.lease.lost.aborted);
  assert.deepEqual(await rig.settle(b.store.read(streamId)), position);
  await end();
});

Deno.test("SharedStore opens what a commit causes in one call, and leaves what is there as it is", async () => {
  const { a, end, rig } = await makePair();
  await a.lead();
  await rig.settle(a.store.commit({ streamId: "log", position: { at: 1 } }));
  const known = { ...session("s1"), position: { index: 7 } };
  for (const [open, most] of [[[session("new")], 1], [[session("newer"), known], 3]] as const) {
    const before = { calls: a.kv.calls, ms: rig.time.nowMs };
    await rig.settle(a.store.commit({ streamId: "log", position: { at: open.length }, open }));
    const leases = 2 * Math.ceil((rig.time.nowMs - before.ms) / 2000);
    assert.ok(a.kv.calls - before.calls <= most + leases);
  }
  assert.ok(rig.ids().includes("session/new") && rig.ids().includes("session/newer"));
  assert.deepEqual(await rig.settle(a.store.read("session/s1")), session("s1").position);
  await end();
});

Deno.test("SharedStore: the leader alone moves what is not shared out", async () => {
  const { a, b, end, rig } = await makePair();
  await a.lead();
  // Who changes to chunks forgets where it was in the pages, and leads nevertheless.
  rig.put([{ streamId: "log", position: {} }]);
  const position = { date: "2026-01-01" };
  await rig.settle(a.store.commit({ streamId: "bulk", position, forget: ["log"] }));
  await rig.settle(a.store.open([session("new")]));
  await rig.settle(a.store.open([session("newer")]));
  assert.ok(rig.ids().includes("session/new") && rig.ids().includes("session/newer"));
  await assert.rejects(
    rig.settle(b.store.commit({ streamId: "bulk", position: {} })),
    /not claimed/,
  );
  await end();
});
