import assert from "node:assert/strict";
import { drawSeed } from "../support/seed.ts";
import { peerTest, type PeerVariable } from "../support/peer.ts";
import { runSeed } from "./run_seed.ts";
import { drawSchedule, formatSchedule, type ScheduleOptions } from "./schedule.ts";
import { kindOf } from "./step.ts";
import { killInARow, withBacklog } from "./long_schedules.ts";

/** Other work on a machine of two cores may make everything three times as slow. */
const PATIENCE = 3;

/** A handful of seeds, which between them hold every kind of fault; `scripts/chaos` plays any. */
const CASES: readonly {
  readonly seeds: readonly number[];
  readonly options: ScheduleOptions;
  readonly needs: readonly PeerVariable[];
}[] = [
  { seeds: [115, 169, 398], options: { peer: "fake" }, needs: [] },
  { seeds: [58, 317, 367], options: { peer: "authpeer", mode: "legacy" }, needs: ["AUTHPEER"] },
  { seeds: [15, 26, 33], options: { peer: "authpeer", mode: "bulk" }, needs: ["AUTHPEER"] },
  {
    seeds: [2],
    options: { peer: "authpeer", mode: "legacy", receiver: "fluentd" },
    needs: ["AUTHPEER", "FLUENTD_NEWEST"],
  },
];

/** Connections to the receiver break and hang, and the program is killed twice, while it catches up. */
const HELD_SEED = 3006;

async function play(seed: number, options: ScheduleOptions): Promise<void> {
  const schedule = drawSchedule(seed, options);
  const { output, problems } = await runSeed(schedule, { patience: PATIENCE });
  const words = [formatSchedule(schedule), ...output.slice(-40)].join("\n");
  assert.deepEqual(problems, [], words);
}

for (const { needs, options, seeds } of CASES) {
  for (const seed of seeds) {
    const players = Object.values(options).join(" ");
    peerTest(
      `Nothing is lost, changed, out of order or repeated for no reason by the faults of seed ${seed} (${players})`,
      { needs },
      () => play(seed, options),
    );
  }
}

peerTest(
  "Nothing is lost, changed, out of order or repeated for no reason while the next request is held",
  { needs: ["AUTHPEER"] },
  async () => {
    const options = { peer: "authpeer", mode: "legacy" } as const;
    const schedule = withBacklog(drawSchedule(HELD_SEED, options), 12_000);
    const { problems } = await runSeed(schedule, { patience: PATIENCE });
    assert.deepEqual(problems, [], formatSchedule(schedule));
  },
);

Deno.test("kill -9 and restart ten times in a row, from before the start is done, loses nothing", async () => {
  const schedule = killInARow(drawSchedule(drawSeed(), { peer: "fake" }), 10);
  const { counts, problems } = await runSeed(schedule, { patience: PATIENCE });
  assert.deepEqual(problems, []);
  assert.ok(counts["starts"]! >= 11);
});

Deno.test("The handful of seeds holds every kind of fault that many seeds hold", () => {
  const kindsOf = (seeds: readonly number[], options: ScheduleOptions) =>
    new Set(seeds.flatMap((seed) => drawSchedule(seed, options).steps.map(kindOf)));
  const played = CASES.map(({ options, seeds }) => kindsOf(seeds, options));
  const many = CASES.map(({ options }) =>
    kindsOf(Array.from({ length: 300 }, (_, i) => i), { ...options, receiver: "fake" })
  );
  const union = (sets: readonly Set<string>[]) => new Set(sets.flatMap((kinds) => [...kinds]));
  assert.deepEqual([...union(many).difference(union(played))], []);
});

Deno.test("drawSchedule() gives the same for the same seed, and something else for the next", () => {
  assert.deepEqual(drawSchedule(5), drawSchedule(5));
  assert.notDeepEqual(drawSchedule(5).steps, drawSchedule(6).steps);
});
