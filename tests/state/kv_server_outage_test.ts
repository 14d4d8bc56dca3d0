import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { encodeKvValue } from "../../src/state/kv_connection.ts";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { createKvClient, startDenokv } from "../support/denokv.ts";
import { peerTest } from "../support/peer.ts";
import { startTcpRelay } from "../support/tcp_relay.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  const error = await work.then((value) => value, (error: unknown) => error);
  assert.ok(error instanceof Fault, `no fault: ${Deno.inspect(error)}`);
  assert.equal(error.kind, "state");
  return error;
}

const needs = ["DENOKV"] as const;

peerTest("KvServer refuses a wrong token of a real server", { needs }, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  using db = createKvClient(denokv.url, { readToken: () => Promise.resolve("another-token") });
  const fault = await faultOf(db.read([["x"]]));
  assert.match(fault.text, /does not accept the token: 401 \(Invalid access token\.\)/);
});

peerTest("KvServer says when a real server takes no writes", { needs }, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  await denokv.stop();
  await denokv.start(["--read-only"]);
  using db = createKvClient(denokv.url);
  const fault = await faultOf(db.write({ set: [{ key: ["x"], value: encodeKvValue(1) }] }));
  assert.match(fault.text, /can be read at most: it takes no writes/);
});

peerTest(
  "KvServer notices a half-open connection, and goes on over a new one",
  { needs },
  async () => {
    await using folder = await temporaryFolder();
    await using denokv = await startDenokv(folder.path);
    await using relay = startTcpRelay({ port: denokv.port });
    using db = createKvClient(`http://127.0.0.1:${relay.port}`, { timeoutMs: 300 });
    const set = [{ key: ["x"], value: encodeKvValue(1) }];
    await db.write({ set });
    relay.change({ toClient: "drop" });
    assert.match((await faultOf(db.write({ set }))).text, /has not answered within 0\.3 s/);
    relay.change({ toClient: "pass" });
    await db.write({ set });
  },
);

peerTest("A commit whose answer is lost is found to have happened", { needs }, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  await using relay = startTcpRelay({ port: denokv.port });
  using db = createKvClient(`http://127.0.0.1:${relay.port}`, { timeoutMs: 300 });
  const store = new KvPositionStore({ db, prefix: ["p"] });
  await store.commit({ streamId: "log", position: { at: 1 } });
  relay.change({ toClient: "drop" });
  const open = [{ streamId: "session/a", position: { at: 0 } }];
  const commit = { streamId: "log", position: { at: 2 }, open };
  await faultOf(store.commit(commit));
  relay.change({ toClient: "pass" });
  // Whoever reads the recording that it opened has moved on.
  await new KvPositionStore({ db, prefix: ["p"] })
    .commit({ streamId: "session/a", position: { at: 7 } });
  await store.commit(commit);
  assert.deepEqual(await store.read("log"), { at: 2 });
  assert.deepEqual(await store.read("session/a"), { at: 7 });
});

peerTest(
  "A commit that was given up and arrives late overwrites no newer one",
  { needs },
  async () => {
    await using folder = await temporaryFolder();
    await using denokv = await startDenokv(folder.path);
    await using relay = startTcpRelay({ port: denokv.port });
    const position = (at: number) => ({ streamId: "log", position: { at } });
    using db = createKvClient(`http://127.0.0.1:${relay.port}`, { timeoutMs: 300 });
    using direct = createKvClient(denokv.url);
    const store = new KvPositionStore({ db, prefix: ["p"] });
    await store.commit(position(1));
    relay.change({ toServer: "hold" });
    await faultOf(store.commit(position(2)));
    // The way that is cut keeps what was sent; the handler goes on by another one.
    const onward = new KvPositionStore({ db: direct, prefix: ["p"] });
    await onward.commit(position(3));
    relay.change({ toServer: "pass" });
    await assert.rejects(
      store.commit(position(4)),
      (error) =>
        error instanceof Fault && error.kind === "moved" &&
        /holds another position of 'log' than was stored/.test(error.message),
    );
    assert.deepEqual(await onward.read("log"), { at: 3 });
    assert.deepEqual(await store.read("log"), { at: 3 });
    await store.commit(position(4));
  },
);

peerTest("A commit that was given up is tried again with a newer position", { needs }, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  await using relay = startTcpRelay({ port: denokv.port });
  using db = createKvClient(`http://127.0.0.1:${relay.port}`, { timeoutMs: 300 });
  const store = new KvPositionStore({ db, prefix: ["p"] });
  const position = (at: number) => ({ streamId: "log", position: { at } });
  await store.commit(position(1));
  for (const way of ["toServer", "toClient"] as const) {
    relay.change({ [way]: "drop" });
    await faultOf(store.commit(position(2)));
    await faultOf(store.commit(position(3)));
    relay.change({ [way]: "pass" });
    await store.commit(position(4));
    assert.deepEqual(await store.read("log"), { at: 4 });
  }
});

peerTest("What a real server has confirmed survives its being killed", { needs }, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  using db = createKvClient(denokv.url);
  const store = new KvPositionStore({ db, prefix: ["p"] });
  for (let at = 1; at <= 3; at++) {
    await store.commit({ streamId: "log", position: { at } });
    await denokv.stop();
    await faultOf(store.commit({ streamId: "log", position: { at: 0 } }));
    await denokv.start();
    assert.deepEqual(await store.read("log"), { at });
  }
});

peerTest("Handlers of different clusters share a server and never meet", { needs }, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  using db = createKvClient(denokv.url);
  const [one, other] = ["a_3025", "a_30250"].map((name) =>
    new KvPositionStore({ db, prefix: ["teleport-event-handler", "v1", name] })
  );
  await one!.commit({ streamId: "log", position: { of: "one" } });
  assert.equal(await other!.read("log"), undefined);
  assert.deepEqual(await Array.fromAsync(other!.list("")), []);
});
