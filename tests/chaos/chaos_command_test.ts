import assert from "node:assert/strict";
import { runChaos } from "./chaos.ts";
import { playSeeds } from "./play_seeds.ts";
import type { Outcome } from "./run_seed.ts";
import { drawSchedule } from "./schedule.ts";

async function run(...args: string[]): Promise<{ status: number; said: string }> {
  const lines: string[] = [];
  const status = await runChaos(args, (line) => void lines.push(line));
  return { status, said: lines.join("\n") };
}

Deno.test("scripts/chaos plays nothing where the command line is wrong: it says what is, and ends with 2", async () => {
  const cases: readonly (readonly [line: string, said: RegExp])[] = [
    ["--seeds foo", /^--seeds foo is neither N nor N-M; .*--help/],
    ["--seeds 5-1", /^--seeds 5-1 holds no seed: 1 is less than 5/],
    ["--seeds 1-", /^--seeds 1- is neither/],
    ["--seeds=", /^--seeds {2}is neither/],
    ["--minutes soon", /^--minutes soon is not a number above 0/],
    ["--minutes 0", /^--minutes 0 is not a number above 0/],
    ["--jobs 0", /^--jobs 0 is not a whole number from 1 on/],
    ["--jobs 1.5", /^--jobs 1\.5 is not a whole number/],
    ["--patience 0", /^--patience 0 is not a number above 0/],
    ["--backlog many", /^--backlog many is not a whole number from 0 on/],
    ["--soak 0", /^--soak 0 is not a number above 0/],
    ["--away=-1", /^--away -1 is not a number above 0/],
    ["--kill-in-a-row 0", /^--kill-in-a-row 0 is not a whole number from 1 on/],
    ["--replicas 1", /^--replicas 1 is not a whole number from 2 on/],
    ["--peer nobody", /^--peer nobody is neither fake nor authpeer/],
    ["--receiver nobody", /^--receiver nobody is neither fake nor fluentd/],
    ["--mode paged", /^--mode paged is neither legacy nor bulk/],
    ["--peer fake --mode bulk", /^--mode bulk needs --peer authpeer/],
    ["--soak 1 --replicas 3", /^--soak and --replicas do not fit together/],
    ["--replicas 3 --peer fake", /^--replicas and --peer do not fit together/],
    ["--default-lease", /^--default-lease needs --replicas/],
    ["--bogus", /^Unknown option '--bogus'; scripts\/chaos --help tells the options$/],
    ["1-20", /^Unexpected argument '1-20'/],
    ["--seeds", /^Option '--seeds.*argument missing/],
  ];
  for (const [line, said] of cases) {
    const outcome = await run(...line.split(" "));
    assert.equal(outcome.status, 2, line);
    assert.match(outcome.said, said);
    assert.doesNotMatch(outcome.said, /\n/);
  }
});

Deno.test("scripts/chaos fails when the time was over before a seed was played", async () => {
  const { said, status } = await run("--peer", "fake", "--minutes", "0.000000000001");
  assert.equal(status, 1);
  assert.match(said, /^No seed was played/);
});

Deno.test("scripts/chaos --print draws as many seeds as it was told", async () => {
  const { said, status } = await run("--print", "--seeds", "7-9");
  assert.equal(status, 0);
  assert.deepEqual(said.match(/^seed \d+/gm), ["seed 7", "seed 8", "seed 9"]);
});

Deno.test("playSeeds() counts and names seeds that were played without all of their faults", async () => {
  const outcomes: Readonly<Record<number, Partial<Outcome>>> = {
    2: { skipped: ["clock: no faketime"] },
    3: { skipped: ["clock: no faketime"], problems: ["1 events are missing"] },
  };
  const lines: string[] = [];
  const status = await playSeeds([1, 2, 3], {
    draw: (seed) => drawSchedule(seed),
    play: (schedule) =>
      Promise.resolve({
        ...{ schedule, problems: [], skipped: [], output: [], counts: {} },
        ...{ elapsedMs: 0, recoveryMs: 0 },
        ...outcomes[schedule.seed],
      }),
    run: {},
    repeat: "--peer fake",
    write: (line) => void lines.push(line),
  });
  assert.equal(status, 1);
  const said = lines.join("\n");
  assert.match(said, /^seed 2 ok .*skipped clock: no faketime$/m);
  assert.match(said, /^ +repeat: scripts\/chaos --seeds 3 --peer fake$/m);
  assert.match(said, /^skipped in 2 seeds: clock: no faketime: 2,3$/m);
  assert.match(said, /2 seeds passed, 1 failed: 3$/);
});
