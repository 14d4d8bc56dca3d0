import assert from "node:assert/strict";
import { drawSeed } from "../support/seed.ts";
import { isFault, lengthOf, soak, withPeerAway } from "./long_schedules.ts";
import { drawSchedule } from "./schedule.ts";

Deno.test("soak() ends each fault before the next one, with work while it lasts and quiet after it", () => {
  for (const mode of ["legacy", "bulk"] as const) {
    const { steps } = soak(drawSchedule(drawSeed(), { peer: "authpeer", mode }), 60);
    assert.ok(Math.abs(lengthOf(steps) / 60_000 - 60) < 1, "an hour");
    const faults = steps.filter(isFault).length;
    assert.ok(faults > 400, `${faults} faults in an hour`);
    for (const [index, step] of steps.entries()) {
      if (!isFault(step)) continue;
      assert.equal(steps[index + 1]!.do, "append");
      const rest = steps[index + 2];
      // It is the last one whose recovery is timed.
      if (rest === undefined) continue;
      assert.ok(rest.do === "rest" && rest.quietMs > rest.waitMs);
    }
    assert.ok(isFault(steps.at(-2)!));
  }
});

Deno.test("withPeerAway() ends with each of the peers, or both, away for so long and with work to do", () => {
  const ends = [6, 7, 8].map((seed) => {
    const drawn = drawSchedule(seed, { peer: "fake" });
    const { steps } = withPeerAway(drawn, 60);
    assert.deepEqual(steps.slice(0, drawn.steps.length), drawn.steps);
    return steps.slice(drawn.steps.length).map((step) =>
      step.do === "server" || step.do === "receiver"
        ? `${step.do} ${step.fault.kind} ${"forMs" in step.fault ? step.fault.forMs : 0}`
        : step.do
    );
  });
  const [server, receiver] = ["server away 60000", "receiver away 60000"];
  assert.deepEqual(ends, [
    ["rest", "append", server, "append"],
    ["rest", "append", receiver, "append"],
    ["rest", "append", server, receiver, "append"],
  ]);
});
