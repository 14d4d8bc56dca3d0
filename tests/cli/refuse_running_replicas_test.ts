import assert from "node:assert/strict";
import { refuseRunningReplicas } from "../../src/cli/refuse_running_replicas.ts";
import type { Clock } from "../../src/core/clock.ts";
import { encodeKvValue, type KvConnection, type KvEntry } from "../../src/state/kv_connection.ts";

const TIMES = { leaseDurationMs: 15_000, leaseRetryMs: 2000 };

/** A clock on which time passes as soon as somebody waits, and the leases that are there at a time. */
function makeWorld(leasesAt: (ms: number) => Readonly<Record<string, string>>) {
  let nowMs = 0;
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms: number) => Promise.resolve(void (nowMs += ms)),
  } as Clock;
  const db = {
    async *list() {
      for (const [id, version] of Object.entries(leasesAt(nowMs))) {
        yield await Promise.resolve(
          { key: ["x", "lease", id], value: encodeKvValue({}), version } as KvEntry,
        );
      }
    },
  };
  const connection = { db, prefix: ["x"] } as unknown as KvConnection;
  return { run: () => refuseRunningReplicas(connection, TIMES, clock), waitedMs: () => nowMs };
}

Deno.test("refuseRunningReplicas() lets pass at once where there is no lease", async () => {
  const world = makeWorld(() => ({}));
  await world.run();
  assert.equal(world.waitedMs(), 0);
});

Deno.test("refuseRunningReplicas() names the handler whose lease is renewed", async () => {
  const world = makeWorld((ms) => ({ dead: "1", alive: ms < 4000 ? "1" : "2" }));
  await assert.rejects(world.run(), /The state is in use by the handler 'alive'/);
});

Deno.test("refuseRunningReplicas() names a handler that comes while it looks", async () => {
  const world = makeWorld((ms) => (ms < 6000 ? { dead: "1" } : { dead: "1", fresh: "1" }));
  await assert.rejects(world.run(), /'fresh'/);
});

Deno.test("refuseRunningReplicas() lets pass leases that nobody renews for as long as one lasts", async () => {
  const world = makeWorld(() => ({ dead: "1" }));
  await world.run();
  assert.ok(world.waitedMs() >= 15_000 && world.waitedMs() <= 17_000, `${world.waitedMs()}`);
});
