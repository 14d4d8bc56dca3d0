import assert from "node:assert/strict";
import { drawSeed } from "../support/seed.ts";
import { peerTest, type PeerVariable } from "../support/peer.ts";
import { FakeTime } from "./fake_time.ts";
import { killInARow, withBacklog } from "./long_schedules.ts";
import { runSeed } from "./run_seed.ts";
import { drawSchedule, formatSchedule, type Schedule, type ScheduleOptions } from "./schedule.ts";
import { StateDisk } from "./state_disk.ts";
import { kindOf, type Step } from "./step.ts";

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
  { seeds: [26, 33, 426], options: { peer: "authpeer", mode: "bulk" }, needs: ["AUTHPEER"] },
  {
    seeds: [2],
    options: { peer: "authpeer", mode: "legacy", receiver: "fluentd" },
    needs: ["AUTHPEER", "FLUENTD_NEWEST"],
  },
];

/** Connections to the receiver break and hang, and the program is killed twice, while it catches up. */
const HELD_SEED = 3006;

/** Faults that cannot be made here, and what is missing for them. */
const LACKING: ReadonlyMap<Step["do"], string> = new Map([
  ...await StateDisk.isAllowed() ? [] : [["disk", "no tmpfs can be mounted"] as const],
  ...await FakeTime.isInstalled() ? [] : [["clock", "faketime is not installed"] as const],
]);

/**
 * Plays a schedule with all of its faults, or not at all: then the test shows as ignored, with what is
 * missing. In CI, faketime must be there; who may not mount anything cannot be helped.
 */
function scheduleTest(
  name: string,
  { needs, schedule }: { readonly needs: readonly PeerVariable[]; readonly schedule: Schedule },
): void {
  const lacking = [...LACKING].filter(([what]) => schedule.steps.some((step) => step.do === what));
  const cannot = lacking.some(([what]) => what === "disk" || Deno.env.get("CI") !== "true");
  if (cannot) {
    const reasons = lacking.map(([, reason]) => reason).join(", ");
    return Deno.test({ name: `${name} [${reasons}]`, ignore: true, fn() {} });
  }
  peerTest(name, { needs }, async () => {
    const { output, problems, skipped } = await runSeed(schedule, { patience: PATIENCE });
    assert.deepEqual(skipped, [], "scripts/setup-peers installs what is missing");
    assert.deepEqual(problems, [], [formatSchedule(schedule), ...output.slice(-40)].join("\n"));
  });
}

for (const { needs, options, seeds } of CASES) {
  for (const seed of seeds) {
    const players = Object.values(options).join(" ");
    scheduleTest(
      `Nothing is lost, changed, out of order or repeated for no reason by the faults of seed ${seed} (${players})`,
      { needs, schedule: drawSchedule(seed, options) },
    );
  }
}

scheduleTest(
  "Nothing is lost, changed, out of order or repeated for no reason while the next request is held",
  {
    needs: ["AUTHPEER"],
    schedule: withBacklog(
      drawSchedule(HELD_SEED, { peer: "authpeer", mode: "legacy" }),
      12_000,
    ),
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
