import { systemClock } from "../../src/core/clock.ts";
import type { KvConnection } from "../../src/state/kv_connection.ts";
import { KvFile } from "../../src/state/kv_file.ts";
import { KvQuarantine } from "../../src/state/kv_quarantine.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import { type QuarantineSubject, testQuarantineContract } from "../contract/quarantine.ts";
import { createKvClient, startDenokv } from "../support/denokv.ts";
import { peerTest } from "../support/peer.ts";
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
