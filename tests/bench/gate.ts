// deno-lint-ignore-file no-console -- this is the terminal's
/**
 * Fails when an event has become dearer: `gate.ts BASELINE.json`. What is compared is CPU time by CPU
 * time of the same run: that of the work by that of receiving alone, which the machine's speed and load
 * change alike. The baseline is what was measured when the work was last made faster; there is room for
 * noise, and the best of a few rounds counts.
 */
import { temporaryFolder } from "../support/temporary_folder.ts";
import {
  measurePart,
  measureProgram,
  partOf,
  type Receiver,
  type Source,
  startCountingReceiver,
  startSource,
} from "./rig.ts";
import type { Part, PartResult } from "./part.ts";

const EVENTS = 40_000;
const MAX_ROUNDS = 4;
/** So much dearer than the baseline is still noise. */
const ROOM = 1.3;

/** CPU for an event, as a multiple of what receiving it takes. */
type Costs = { [step in "transcode" | "post" | "all"]: number };

async function measureRound(source: Source, receiver: Receiver): Promise<Costs> {
  const part = (what: Part["part"]) => partOf(source, receiver, { part: what, mode: "paged" });
  const receive = costOf(await measurePart(part("receiveOnly")));
  return {
    transcode: costOf(await measurePart(part("transcode"))) / receive,
    post: costOf(await measurePart(part("post"))) / receive,
    all: costOf(await measureProgram(source, receiver)) / receive,
  };
}

function costOf({ cpuSeconds, events }: PartResult): number {
  return cpuSeconds / events;
}

function format(costs: Costs): string {
  return Object.entries(costs).map(([step, cost]) => `${step} ${cost.toFixed(2)}`).join(", ");
}

if (import.meta.main) {
  const baseline: Costs = JSON.parse(await Deno.readTextFile(Deno.args[0]!));
  const steps = Object.keys(baseline) as (keyof Costs)[];
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.join("receiver"));
  await using receiver = await startCountingReceiver(folder.join("receiver"));
  await using source = await startSource(folder.join("source"), { mode: "paged", events: EVENTS });
  const best: Costs = {
    transcode: Infinity,
    post: Infinity,
    all: Infinity,
  };
  let dear: (keyof Costs)[] = steps;
  for (let round = 0; round < MAX_ROUNDS && dear.length > 0; round++) {
    const costs = await measureRound(source, receiver);
    for (const step of steps) best[step] = Math.min(best[step], costs[step]);
    dear = steps.filter((step) => best[step] > baseline[step] * ROOM);
  }
  console.log(`CPU for an event, by that of receiving it: ${format(best)}`);
  if (dear.length > 0) {
    console.error(`More than ${ROOM} times the baseline (${format(baseline)}): ${dear.join(", ")}`);
    console.error("Find the cause with scripts/bench and --cpu-prof (CONTRIBUTING.md)");
    Deno.exitCode = 1;
  }
}
