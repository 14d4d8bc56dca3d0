import assert from "node:assert/strict";
import { runReplica } from "../../src/cli/run_replica.ts";
import type { KvCall, KvDatabase } from "../../src/state/kv_connection.ts";
import { startRun } from "../diagnostics/run_rig.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

Deno.test("runReplica() ends at once when it is stopped while it waits for a lease of a store that is silent", async () => {
  const { clock, status } = startRun();
  const stop = new AbortController();
  const asked = Promise.withResolvers<void>();
  const silent: Pick<KvDatabase, "write"> = {
    write: (_write, { signal }: KvCall = {}) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        asked.resolve();
      }),
  };
  const config = {
    replicaName: "r0",
    leaseDurationMs: 15_000,
    leaseRenewDeadlineMs: 10_000,
    leaseRetryMs: 2000,
  };
  const parts = { config, clock, status, observer: status, stop: stop.signal, abort: stop.signal };
  const logger = new RecordingLogger();
  const running = runReplica(parts as never, {
    logger,
    server: { db: silent as KvDatabase, prefix: ["v1"] },
    onBeginAnew: () => {},
    firstPosition: undefined as never,
  });
  await asked.promise;
  assert.equal(status.snapshot().replica?.role, "joining");
  stop.abort();
  await running;
  assert.deepEqual(logger.records, []);
});
