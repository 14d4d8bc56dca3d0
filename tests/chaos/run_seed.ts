import { systemClock } from "../../src/core/clock.ts";
import { countLag } from "./count_lag.ts";
import type { KnownEvent, KnownSession } from "./known_event.ts";
import { type Evidence, findMissing, judgeLog } from "./judge_log.ts";
import { judgeOutput } from "./judge_output.ts";
import { judgeSessions } from "./judge_sessions.ts";
import { readQuarantined } from "./quarantined.ts";
import { type Schedule, TIMEOUT_MS } from "./schedule.ts";
import type { Step } from "./step.ts";
import { World } from "./world.ts";

/** What became of a run. */
export interface Outcome {
  readonly schedule: Schedule;
  /** Empty when every promise was kept. */
  readonly problems: readonly string[];
  readonly elapsedMs: number;
  /** Time from the end of the last fault until everything had arrived. */
  readonly recoveryMs: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Steps that this machine cannot do. */
  readonly skipped: readonly string[];
  /** All that the handler said. */
  readonly output: readonly string[];
}

const LOG_PATH = "/test.log";
/** Longest time after the last fault until a fresh event has arrived. */
const FRESH_MS = 10_000;
/** Longest time after the last fault until all is there: recordings may have to wait for their turn. */
const ALL_MS = 30_000;
const LOOK_MS = 100;
const MAX_ENDS = 3;

/** How a schedule is played. */
export interface RunOptions {
  /** How many times as long as promised everything may take, on a busy machine. @default {1} */
  readonly patience?: number;
  readonly observer?: Observer;
}

/** Looks at a run while it lasts. */
export interface Observer {
  /** Looks at the world until the signal is aborted. */
  watch(world: World, until: AbortSignal): Promise<void>;
  /** Told at the end of each quiet time; `countLag` gives the events that have not arrived yet. */
  noteRest(countLag: () => Promise<number>): Promise<void>;
  /** What is wrong. */
  judge(): string[];
}

/** Plays a schedule, ends all faults, and judges what became of the events. */
export async function runSeed(drawn: Schedule, options: RunOptions = {}): Promise<Outcome> {
  const patience = options.patience ?? 1;
  const schedule = { ...drawn, settings: { ...drawn.settings, ...timeouts(patience) } };
  const startMs = performance.now();
  await using world = await World.create(schedule);
  const cutsMs: number[] = [];
  world.handler.start();
  const ended = new AbortController();
  const { observer } = options;
  const watching = observer?.watch(world, ended.signal);
  for (const step of schedule.steps) {
    await systemClock.sleep(step.waitMs);
    if (cutsReceiver(step)) cutsMs.push(performance.now());
    await world.take(step);
    if (step.do === "rest") await observer?.noteRest(() => readLag(world, schedule));
  }
  await world.heal();
  const healedMs = performance.now();
  await world.server.append(10, 0);
  const { wanted } = await readEvents(world, schedule);
  const problems = await waitForAll(world, { healedMs, patience, schedule, wanted });
  const recoveryMs = performance.now() - healedMs;
  ended.abort();
  await watching;
  problems.push(...observer?.judge() ?? []);
  await world.handler.terminate();
  if (schedule.seed % 3 === 0) await startOnceMore(world);
  const evidence = await readEvidence(world, schedule, cutsMs);
  const verdict = judgeLog(evidence);
  const sessions = await readSessions(world, schedule);
  problems.push(
    ...verdict.problems,
    ...judgeSessions({ ...evidence, sessions, pathOf: sessionPath }),
    ...world.handler.violations,
    ...await judgeOutput(world.handler.output, world.secretFiles()),
  );
  return {
    schedule,
    problems: [...new Set(problems)],
    elapsedMs: performance.now() - startMs,
    recoveryMs,
    counts: {
      events: evidence.wanted.length,
      sessions: sessions.length,
      requests: evidence.journal.requests?.length ?? 0,
      repeats: verdict.repeats,
      quarantined: evidence.quarantined.length,
      starts: world.handler.starts,
    },
    skipped: world.skipped,
    output: world.handler.output,
  };
}

/** On a busy machine an answer takes longer, and a repeat of what was given up has no other reason. */
function timeouts(patience: number): Record<string, string> {
  const value = `"${patience * TIMEOUT_MS}ms"`;
  return { "fluentd-timeout": value, "teleport-timeout": value };
}

/** Waits until everything has arrived; what takes too long is a problem. */
async function waitForAll(
  world: World,
  { healedMs, patience, schedule, wanted }: {
    readonly healedMs: number;
    readonly patience: number;
    readonly schedule: Schedule;
    readonly wanted: readonly KnownEvent[];
  },
): Promise<string[]> {
  const problems: string[] = [];
  let isFreshHere = false;
  while (true) {
    const lookMs = performance.now();
    const journal = await world.receiver.readJournal();
    const quarantined = await readQuarantined(world.storage);
    const missing = findMissing({ wanted, journal, quarantined, logPath: LOG_PATH });
    const elapsedMs = performance.now() - healedMs;
    const newestMs = wanted.at(-1)?.timeMs;
    isFreshHere ||= !missing.some(({ timeMs }) => timeMs === newestMs);
    if (missing.length === 0) {
      const sessions = await readSessions(world, schedule);
      const late = judgeSessions({
        sessions,
        journal,
        quarantined,
        pathOf: sessionPath,
        logPath: LOG_PATH,
      });
      if (late.length === 0) return problems;
    }
    if (elapsedMs > patience * FRESH_MS && !isFreshHere && problems.length === 0) {
      problems.push(`A fresh event has not arrived ${FRESH_MS / 1000} s after the last fault`);
    }
    // A handler that cannot stay alive will not recover.
    if (world.handler.violations.length > MAX_ENDS) return problems;
    if (elapsedMs > patience * ALL_MS) {
      return [...problems, `Not everything has arrived ${ALL_MS / 1000} s after the last fault`];
    }
    // The receiver lives in this process: a look that takes long must leave it time to answer.
    await systemClock.sleep(Math.max(LOOK_MS, 5 * (performance.now() - lookMs)));
  }
}

/** All events that exist, and those of them that must arrive. */
async function readEvents(
  world: World,
  schedule: Schedule,
): Promise<{ all: readonly KnownEvent[]; wanted: readonly KnownEvent[] }> {
  const all = await world.server.readEvents();
  const wanted = all.filter((event) => event.timeMs >= world.startMs && isWanted(event, schedule));
  return { all, wanted };
}

/** Recordings that must arrive: none where the filter leaves out the event that tells of them. */
async function readSessions(world: World, schedule: Schedule): Promise<KnownSession[]> {
  const { types } = schedule;
  if (types.length > 0 && !types.includes("session.upload")) return [];
  return await world.server.readSessions();
}

/** How many events exist that must arrive and have not. */
async function readLag(world: World, schedule: Schedule): Promise<number> {
  const { wanted } = await readEvents(world, schedule);
  return countLag({
    wanted,
    sessions: await readSessions(world, schedule),
    journal: await world.receiver.readJournal(),
    quarantined: await readQuarantined(world.storage),
    logPath: LOG_PATH,
    pathOf: sessionPath,
  });
}

/** A start after a stop in good order finds nothing to send. */
async function startOnceMore(world: World): Promise<void> {
  world.handler.start();
  await world.handler.waitForLine(/Caught up/);
  await world.handler.terminate();
}

async function readEvidence(
  world: World,
  schedule: Schedule,
  cutsMs: readonly number[],
): Promise<Evidence> {
  // Only now do the newest events have a chunk.
  const { all, wanted } = await readEvents(world, schedule);
  const keys = new Set(wanted.map(({ key }) => key));
  const { steps } = schedule;
  return {
    wanted,
    unwanted: new Set(all.filter(({ key }) => !keys.has(key)).map(({ id }) => id)),
    journal: await world.receiver.readJournal(),
    quarantined: await readQuarantined(world.storage),
    breaks: world.handler.breaks,
    cutsMs,
    maxBytes: Math.min(
      ...steps.map((s) =>
        s.do === "receiver" && s.fault.kind === "too-large" ? s.fault.maxBytes : Infinity
      ),
    ),
    maxRepeats: countMostRepeats(world.handler.breaks.length, schedule),
    batchEvents: Number(schedule.settings["fluentd-batch-events"]),
    modeChanges: steps.filter((s) => s.do === "server" && s.fault.kind === "mode").length,
    terminateMayRepeat: steps.some((step) => step.do === "disk" || findsFault(step)),
    logPath: LOG_PATH,
  };
}

/**
 * Two requests of each stream for a kill; for a receiver that is away or stands still as many as are
 * tried meanwhile, of which no answer is heard.
 */
function countMostRepeats(breaks: number, { settings, steps }: Schedule): number {
  const troubles = steps.filter((step) => step.do === "receiver").length;
  const streams = 2 * Number(settings["concurrency"]) + 1;
  return (2 * breaks + 4 * troubles) * Number(settings["fluentd-batch-events"]) * streams;
}

/** Whether the step makes the program look for an event at fault. */
function findsFault(step: Step): boolean {
  return step.do === "receiver" &&
    ["poison", "too-large", "status", "partial"].includes(step.fault.kind);
}

function cutsReceiver(step: Step): boolean {
  return step.do === "receiver" && ["drop-connections", "away"].includes(step.fault.kind);
}

function isWanted({ type }: KnownEvent, { skipTypes, types }: Schedule): boolean {
  return (types.length === 0 || types.includes(type)) && !skipTypes.includes(type);
}

function sessionPath(sid: string): string {
  return `/session.${sid}.log`;
}
