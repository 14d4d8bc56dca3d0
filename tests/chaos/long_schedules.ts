/** Schedules that take longer than a seed does: of kills, faults or events, or of a peer long away. */
import { createRandom } from "../support/events.ts";
import { drawSchedule, type Schedule } from "./schedule.ts";
import { kindOf, type ReceiverFault, type ServerFault, type Step } from "./step.ts";

/** Steps that end the process, or change what is promised: a soak looks at one process. */
const NOT_IN_A_SOAK = [
  "kill",
  "terminate",
  "disk.read-only",
  "disk.read-only-folder",
  "server.mode",
  "clock",
];
/**
 * After each fault: two seconds in which it is met, then its end, then time in which memory and lag
 * must go back. A fault that ends only when so many requests have met it would last into the next ones,
 * because a stream that fails waits longer and longer between two tries.
 */
const REST: Step = { do: "rest", waitMs: 2000, quietMs: 4000 };
/** Comes in while a fault lasts, because nobody meets a fault who has nothing to do. */
const WORK: Step = { do: "append", waitMs: 50, count: 10, ageMs: 0 };
/** To end all faults takes about so long. */
const HEAL_MS = 500;
/**
 * Near the defaults. What is drawn may be one recording at a time, or one event in a request: then a
 * backlog grows for want of hands, and tells nothing of what the faults leave behind. And a second
 * between two looks for news: each look of a bulk export lists all chunks of the day, of which an hour
 * makes more than a thousand, and the heap is the larger the more are listed in a second.
 */
const SOAK_SETTINGS = {
  "concurrency": "5",
  "fluentd-batch-events": "500",
  "fluentd-max-connections": "0",
  "timeout": '"1s"',
};
/** The same, and filters: all that there is takes part. */
const UNSET_IN_A_SOAK = ["batch", "types", "skip-event-types"];

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

/** The same with so many events to begin with, in requests so large that the next one is held ready. */
export function withBacklog(schedule: Schedule, events: number): Schedule {
  const { batch: _unset, ...settings } = schedule.settings;
  return {
    ...schedule,
    settings: { ...settings, "fluentd-batch-events": "1000" },
    backlog: { ...schedule.backlog, events },
  };
}

/**
 * The same, and then, with all its faults over, a peer is away for so long, or both are: long enough for
 * the pauses between two tries to become as long as they get. There is work all along.
 */
export function withPeerAway(schedule: Schedule, seconds: number): Schedule {
  const { peer, receiver, seed } = schedule;
  const forMs = seconds * 1000;
  const random = createRandom(seed);
  const pick = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)]!;
  const ofServer: ServerFault = pick<ServerFault>(
    peer === "fake"
      ? [{ kind: "away", forMs }]
      : [{ kind: "away", forMs }, { kind: "stall", forMs }, { kind: "pause", forMs }],
  );
  const ofReceiver: ReceiverFault = pick<ReceiverFault>(
    receiver === "fake" ? [{ kind: "away", forMs }] : [{ kind: "away", forMs }, {
      kind: "pause",
      forMs,
    }],
  );
  const server: Step = { do: "server", waitMs: 0, fault: ofServer };
  const away: Step = { do: "receiver", waitMs: 0, fault: ofReceiver };
  const work: Step = { do: "append", waitMs: 0, count: 10, ageMs: 0 };
  return {
    ...schedule,
    steps: [
      ...schedule.steps,
      { do: "rest", waitMs: 0, quietMs: 1000 },
      work,
      ...[[server], [away], [server, away]][seed % 3]!,
      // The control of a server that stands still stands still too.
      ...ofServer.kind === "pause" && seed % 3 !== 1 ? [] : [{ ...work, waitMs: 500 }],
    ],
  };
}

/** The faults of many seeds with one process, one after the other and with quiet between them. */
export function soak(schedule: Schedule, minutes: number): Schedule {
  const { mode, peer, receiver } = schedule;
  const drawn = Object.entries(schedule.settings).filter(([name]) =>
    !UNSET_IN_A_SOAK.includes(name)
  );
  const steps: Step[] = [];
  let leftMs = minutes * 60_000;
  for (let { seed } = schedule; leftMs > 0; seed++) {
    const added = drawSchedule(seed, { mode, peer, receiver }).steps
      .filter((step) => !NOT_IN_A_SOAK.includes(kindOf(step)))
      .flatMap((step) => isFault(step) ? [step, WORK, REST] : [step]);
    steps.push(...added);
    leftMs -= lengthOf(added);
  }
  return {
    ...schedule,
    settings: { ...Object.fromEntries(drawn), ...SOAK_SETTINGS },
    types: [],
    skipTypes: [],
    // The time in which all must have arrived is counted from the last fault, not from a rest after it.
    steps: steps.slice(0, steps.findLastIndex(({ do: what }) => what === "rest")),
  };
}

/** About how long steps take, in milliseconds. */
export function lengthOf(steps: readonly Step[]): number {
  return steps.reduce((ms, step) => {
    return ms + step.waitMs + (step.do === "rest" ? HEAL_MS + step.quietMs : 0);
  }, 0);
}

/** Whether a step troubles anybody. */
export function isFault({ do: what }: Step): boolean {
  return !["append", "upload", "rest"].includes(what);
}
