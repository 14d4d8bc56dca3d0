import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { testPositionStoreContract } from "../contract/position_store.ts";
import assert from "node:assert/strict";
import type { KvDatabase } from "../../src/state/kv_connection.ts";
import { KvFile } from "../../src/state/kv_file.ts";
import { createKvClient, startDenokv } from "../support/denokv.ts";
import { peerTest } from "../support/peer.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** As long a prefix as an address makes: what is stored must leave room for it. */
const PREFIX = ["teleport-event-handler", "v1", `${"x".repeat(253)}_65535`];

testPositionStoreContract("KvPositionStore on a server", async () => {
  await using cleanup = new AsyncDisposableStack();
  const folder = cleanup.use(await temporaryFolder());
  const { url } = cleanup.use(await startDenokv(folder.path));
  const store = cleanup.use(new KvPositionStore({ db: createKvClient(url), prefix: PREFIX }));
  const held = cleanup.move();
  return { store, [Symbol.asyncDispose]: () => held.disposeAsync() };
}, (name, fn) => peerTest(name, { needs: ["DENOKV"] }, fn));

async function testReadFirst(db: KvDatabase): Promise<void> {
  const keys = [["a", "1"], ["a", "2"], ["a", "3"], ["b", "1"], ["c", "1"]];
  const value = new Uint8Array([1]);
  const version = await db.write({ set: keys.map((key) => ({ key, value })) });
  const found = await db.readFirst([
    { start: ["a", "1"], end: ["b"], batchSize: 2 },
    { start: ["x"], end: ["y"] },
    { start: ["a"], end: ["c"], batchSize: 2, reverse: true },
  ]);
  const names = found.map((entries) => entries.map(({ key }) => key.join("")));
  assert.deepEqual(names, [["a1", "a2"], [], ["b1", "a3"]]);
  assert.ok(found.flat().every((entry) => entry.version === version && entry.value[0] === 1));
}

Deno.test("KvFile.readFirst() gives the first entries of each range", async () => {
  using db = await KvFile.open(":memory:");
  await testReadFirst(db);
});

peerTest("KvServer.readFirst() gives the first entries of each range", {
  needs: ["DENOKV"],
}, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  using db = createKvClient(denokv.url);
  await testReadFirst(db);
});
