/** Schedules that take longer than a seed does: of many kills, or of many faults. */
import { createRandom } from "../support/events.ts";
import { drawSchedule, type Schedule } from "./schedule.ts";
import { kindOf, type Step } from "./step.ts";

/** Steps that end the process, or change what is promised: a soak looks at one process. */
const NOT_IN_A_SOAK = ["kill", "terminate", "disk.read-only", "server.mode", "clock"];
/** A soak has time between the faults in which memory and lag must go back. */
const SOAK_PAUSE = 4;
/** About what the steps of a seed take. */
const SEED_MS = 1500;

/** kill -9 and restart so many times in a row, with events coming in all along. */
export function killInARow(schedule: Schedule, kills: number): Schedule {
  const random = createRandom(schedule.seed);
  const steps = Array.from({ length: kills }, (): Step[] => [
    { do: "append", waitMs: 0, count: 1 + Math.floor(random() * 10), ageMs: 0 },
    // From before the start is done until some time after it.
    { do: "kill", waitMs: 200 + Math.floor(random() * 1500), downMs: 0 },
  ]);
  return { ...schedule, steps: steps.flat() };
}

/** The faults of many seeds, one after the other, with one process. */
export function soak(schedule: Schedule, minutes: number): Schedule {
  const { mode, peer, receiver, seed } = schedule;
  const count = Math.ceil(minutes * 60_000 / SEED_MS / SOAK_PAUSE);
  const steps = Array.from(
    { length: count },
    (_, i) => drawSchedule(seed + i, { mode, peer, receiver }).steps,
  );
  const kept = steps.flat().filter((step) => !NOT_IN_A_SOAK.includes(kindOf(step)));
  return {
    ...schedule,
    steps: kept.map((step) => ({ ...step, waitMs: step.waitMs * SOAK_PAUSE })),
  };
}
