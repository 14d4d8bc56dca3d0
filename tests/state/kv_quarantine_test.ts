import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import { Fault } from "../../src/core/fault.ts";
import type { KvDatabase } from "../../src/state/kv_connection.ts";
import { KvFile } from "../../src/state/kv_file.ts";
import { KvQuarantine } from "../../src/state/kv_quarantine.ts";
import { makeEvent } from "../support/pipeline_ports.ts";

/** Three events on a server that takes writes until it is told otherwise. */
async function openOnServer() {
  const file = await KvFile.open(":memory:");
  const server = { isReadOnly: false };
  const write: KvDatabase["write"] = (change) =>
    server.isReadOnly
      ? Promise.reject(new Fault("state", "State server 'https://kv' is away"))
      : file.write(change);
  const db = new Proxy<KvDatabase>(file, {
    get(target, name) {
      if (name === "write") return write;
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const connection = { db, prefix: ["p"] };
  const quarantine = new KvQuarantine({ connection, place: "https://kv", clock: systemClock });
  for (const id of ["e0", "e1", "e2"]) {
    await quarantine.put({ streamId: "log", event: makeEvent(id), reason: "no" });
  }
  return { quarantine, server, [Symbol.dispose]: () => file[Symbol.dispose]() };
}

Deno.test("KvQuarantine.takeOut() lets nothing be sent while the server takes no writes", async () => {
  using rig = await openOnServer();
  rig.server.isReadOnly = true;
  let sent = 0;
  const failing = rig.quarantine.takeOut(() => true, () => ++sent > 0);
  await assert.rejects(failing, { message: "State server 'https://kv' is away" });
  assert.equal(sent, 0);
});

Deno.test("KvQuarantine.takeOut() names the event that would be sent again when it cannot take it out after all", async () => {
  using rig = await openOnServer();
  let sent = 0;
  const failing = rig.quarantine.takeOut(() => true, () => {
    rig.server.isReadOnly = ++sent === 2;
    return true;
  });
  await assert.rejects(failing, (fault: Fault) => {
    assert.equal(
      fault.text,
      "Cannot take an event out of the quarantine 'https://kv': State server 'https://kv' is away. " +
        "1 event was sent and is still there: unless it is dropped, replay sends it again",
    );
    return true;
  });
  assert.equal(sent, 2);
});
