import assert from "node:assert/strict";
import { peerTest } from "../../support/peer.ts";
import { drawReplicaSchedule, formatReplicaSchedule } from "./replica_schedule.ts";
import { runReplicaSeed } from "./run_replica_seed.ts";

/** Other work on a machine of two cores may make everything three times as slow. */
const PATIENCE = 3;

for (const seed of [3, 12]) {
  peerTest(
    `Three replicas lose nothing and never have two leaders, by the faults of seed ${seed}`,
    { needs: ["AUTHPEER", "DENOKV"] },
    async () => {
      const schedule = drawReplicaSchedule(seed, { replicas: 3 });
      const { output, problems } = await runReplicaSeed(schedule, { patience: PATIENCE });
      assert.deepEqual(problems, [], [formatReplicaSchedule(schedule), ...output].join("\n"));
    },
  );
}

Deno.test("drawReplicaSchedule() gives the same for the same seed, and each kind of fault in twenty", () => {
  const draw = (seed: number) => drawReplicaSchedule(seed, { replicas: 3 });
  assert.deepEqual(draw(5), draw(5));
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);
  const kinds = new Set(
    seeds.flatMap((seed) =>
      draw(seed).steps.map((step) => step.do === "trouble" ? step.trouble : step.do)
    ),
  );
  assert.deepEqual(
    [...kinds].toSorted(),
    [
      "append",
      "cut",
      "drop",
      "half-open",
      "kill",
      "pause-store",
      "refuse",
      "restart-store",
      "sleep",
      "slow",
      "terminate",
      "trouble",
      "upload",
    ].filter((kind) => kind !== "trouble"),
  );
});
