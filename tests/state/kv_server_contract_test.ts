import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { testPositionStoreContract } from "../contract/position_store.ts";
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
