import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import type { KvConnection } from "../../src/state/kv_connection.ts";
import { KvFile } from "../../src/state/kv_file.ts";
import { KvQuarantine } from "../../src/state/kv_quarantine.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import type { QuarantineEntry } from "../../src/state/quarantine_line.ts";
import { type QuarantineSubject, testQuarantineContract } from "../contract/quarantine.ts";
import { createKvClient, startDenokv } from "../support/denokv.ts";
import { peerTest } from "../support/peer.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const clock = systemClock;

testQuarantineContract("QuarantineFile", async () => {
  const folder = await temporaryFolder();
  return {
    open: (maxBytes) =>
      new QuarantineFile({ folder: folder.path, clock, maxBytes, maxFileBytes: 1000 }),
    entries: new QuarantineFolder(folder.path),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});

function openKvQuarantine(
  connection: KvConnection,
  cleanup: AsyncDisposableStack,
): QuarantineSubject {
  const held = cleanup.move();
  const place = "the server";
  return {
    open: (maxBytes) => new KvQuarantine({ connection, place, maxBytes, clock }),
    entries: new KvQuarantine({ connection, place, clock }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

testQuarantineContract("KvQuarantine in memory", async () => {
  await using cleanup = new AsyncDisposableStack();
  const db = cleanup.use(await KvFile.open(":memory:"));
  return openKvQuarantine({ db, prefix: ["p"] }, cleanup);
});

testQuarantineContract("KvQuarantine on a server", async () => {
  await using cleanup = new AsyncDisposableStack();
  const folder = cleanup.use(await temporaryFolder());
  const { url } = cleanup.use(await startDenokv(folder.path));
  const db = cleanup.use(createKvClient(url));
  return openKvQuarantine({ db, prefix: ["p", "cluster"] }, cleanup);
}, (name, fn) => peerTest(name, { needs: ["DENOKV"] }, fn));

peerTest("KvQuarantine keeps nothing of what several take out at the same time", {
  needs: ["DENOKV"],
}, async () => {
  await using folder = await temporaryFolder();
  await using denokv = await startDenokv(folder.path);
  using db = createKvClient(denokv.url);
  using otherDb = createKvClient(denokv.url);
  const [one, other] = [db, otherDb].map((db) =>
    new KvQuarantine({ connection: { db, prefix: ["p"] }, place: "the server", clock })
  );
  // All of one size, so that the count that one writes looks like that of the other.
  for (let at = 10; at < 40; at++) {
    await one!.put({ streamId: "log", event: makeEvent(`event-${at}`), reason: "no" });
  }
  const isEven = (entry: QuarantineEntry) =>
    "id" in entry.content && Number(entry.content.id.slice(-1)) % 2 === 0;
  await Promise.all([one!.takeOut(isEven), other!.takeOut((entry) => !isEven(entry))]);
  assert.deepEqual(await Array.fromAsync(one!.read()), []);
  assert.deepEqual(await one!.measure(), { count: 0, bytes: 0 });
});
