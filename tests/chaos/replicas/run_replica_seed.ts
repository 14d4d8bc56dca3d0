import { systemClock } from "../../../src/core/clock.ts";
import { type Evidence, findMissing, judgeLog } from "../judge_log.ts";
import { judgeSessions } from "../judge_sessions.ts";
import { judgeRepeats } from "./judge_repeats.ts";
import type { ReplicaSchedule } from "./replica_schedule.ts";
import { ReplicaWorld } from "./replica_world.ts";

/** What became of a run. */
export interface ReplicaOutcome {
  /** Empty when every promise was kept. */
  readonly problems: readonly string[];
  readonly elapsedMs: number;
  /** From a crash of the leader, and from its stop in good order, until another one led. */
  readonly takeoverMs: { readonly crash: number; readonly stop: number };
  readonly counts: Readonly<Record<string, number>>;
  readonly output: readonly string[];
}

const LOG_PATH = "/test.log";
/** The receiver's answer is waited for so long (replica_world.ts), and so is one that was slept through. */
const ANSWER_MS = 5000;
/** Longest time in which all replicas are ready after the last fault, besides what leases take. */
const READY_MS = 15_000;
/** Longest time in which all has arrived after the last fault, besides what leases take. */
const ALL_MS = 30_000;

/** Plays a schedule, ends all faults, has the leader crash and stop once more, and judges it all. */
export async function runReplicaSeed(
  schedule: ReplicaSchedule,
  { patience = 1 }: { readonly patience?: number } = {},
): Promise<ReplicaOutcome> {
  const startMs = performance.now();
  await using world = await ReplicaWorld.create(schedule, patience);
  for (const replica of world.replicas) replica.start();
  await world.until(() => world.leader !== undefined, 30_000 * patience);
  for (const step of schedule.steps) {
    await systemClock.sleep(step.waitMs);
    await world.take(step);
  }
  await world.heal();
  const { durationMs } = schedule.lease;
  const problems = await waitForReady(world, { patience, schedule });
  const crash = await measureTakeover(world, schedule, { kind: "kill", patience });
  // As promised of the leases that are the default; shorter ones are proportionate.
  const crashLimitMs = durationMs + 5000 * durationMs / 15_000 + (patience - 1) * 2000;
  if (crash > crashLimitMs) problems.push(`A crash of the leader was noticed after ${crash} ms`);
  const stop = await measureTakeover(world, schedule, { kind: "terminate", patience });
  if (stop > 1000 * patience) problems.push(`A stop of the leader was noticed after ${stop} ms`);
  await world.server.append(10, 0);
  problems.push(...await waitForAll(world, { patience, schedule }));
  problems.push(...await waitForReady(world, { patience, schedule }));
  for (const replica of world.replicas) await replica.terminate(patience);
  const evidence = await readEvidence(world, schedule);
  const verdict = judgeLog(evidence);
  const sessions = await readSessions(world);
  const output = world.replicas.flatMap((replica, at) =>
    replica.output.map((line) => `${at}: ${line}`)
  );
  problems.push(
    ...verdict.problems,
    ...judgeSessions({ ...evidence, sessions, pathOf: sessionPath }),
    ...judgeRepeats({
      ...evidence,
      arrivals: evidence.journal.arrivals,
      streamAt: (path) => /^\/session\.(.+)\.log$/.exec(path)?.[1],
      takeoversOf: (stream) => world.witness.takeoversOf(stream),
      pauses: countPauses(schedule),
    }),
    ...world.witness.findIntrusions(),
    ...findSharedEpochs(world),
    ...world.replicas.flatMap(({ violations }) => violations),
    ...output.filter((line) => /Unexpected error|Event quarantined/.test(line)).slice(0, 3),
  );
  return {
    problems: [...new Set(problems)],
    elapsedMs: performance.now() - startMs,
    takeoverMs: { crash, stop },
    counts: {
      events: evidence.wanted.length,
      sessions: sessions.length,
      repeats: verdict.repeats,
      leaders: world.witness.leaderCount,
      losses: world.replicas.reduce((sum, { losses }) => sum + losses, 0),
      "calls to the store": world.witness.calls,
    },
    output,
  };
}

/** Time until another replica says that it leads, once everybody knows who does. */
async function measureTakeover(
  world: ReplicaWorld,
  { lease }: ReplicaSchedule,
  { kind, patience }: { readonly kind: "kill" | "terminate"; readonly patience: number },
): Promise<number> {
  const isSettled = () =>
    world.leader !== undefined && world.replicas.every(({ isSettled }) => isSettled) &&
    world.replicas.filter(({ leads }) => leads).length === 1;
  await world.until(isSettled, (2 * lease.durationMs + 30_000) * patience);
  // A replica that has come just now is seen by the others at their next look.
  await systemClock.sleep(lease.retryMs);
  const before = world.leader;
  if (before === undefined) return Infinity;
  const startMs = performance.now();
  const replica = world.replicas[before]!;
  if (kind === "kill") await replica.kill();
  else await replica.terminate(patience);
  // The time of a stop in good order is that after the end.
  const endMs = kind === "kill" ? startMs : performance.now();
  const isTaken = () => world.leader !== undefined && world.leader !== before;
  const isDone = await world.until(isTaken, 4 * lease.durationMs * patience);
  const tookMs = isDone ? Math.round(performance.now() - endMs) : Infinity;
  replica.start();
  return tookMs;
}

/** Waits until every replica says that it is ready: a service manager holds up those that are not. */
async function waitForReady(
  world: ReplicaWorld,
  { patience, schedule }: { readonly patience: number; readonly schedule: ReplicaSchedule },
): Promise<string[]> {
  const limitMs = (READY_MS + 2 * schedule.lease.durationMs) * patience;
  const endMs = performance.now() + limitMs;
  while (true) {
    const found = await Promise.all(world.replicas.map((replica) => replica.findUnreadiness()));
    const problems = found.flatMap((why, at) =>
      why === undefined ? [] : [`Replica ${at} is not ready after ${limitMs} ms: ${why}`]
    );
    if (problems.length === 0 || performance.now() > endMs) return problems;
    await systemClock.sleep(100);
  }
}

async function waitForAll(
  world: ReplicaWorld,
  { patience, schedule }: { readonly patience: number; readonly schedule: ReplicaSchedule },
): Promise<string[]> {
  const limitMs = (ALL_MS + 2 * schedule.lease.durationMs) * patience;
  const endMs = performance.now() + limitMs;
  while (true) {
    const evidence = await readEvidence(world, schedule);
    const isWhole = findMissing(evidence).length === 0;
    const sessions = await readSessions(world);
    if (isWhole && judgeSessions({ ...evidence, sessions, pathOf: sessionPath }).length === 0) {
      return [];
    }
    if (performance.now() > endMs) return [`Not everything has arrived in ${limitMs} ms`];
    await systemClock.sleep(300);
  }
}

async function readEvidence(world: ReplicaWorld, schedule: ReplicaSchedule): Promise<Evidence> {
  const all = await world.server.readEvents();
  const journal = await world.receiver.readJournal();
  return {
    wanted: all.filter(({ timeMs }) => timeMs >= world.startMs),
    unwanted: new Set(),
    // Which request brought an event is of no matter: repeats are judged by streams.
    journal: { ...journal, requests: undefined },
    quarantined: [],
    breaks: [],
    cutsMs: [],
    maxBytes: Infinity,
    maxRepeats: Infinity,
    batchEvents: schedule.batchEvents,
    modeChanges: 0,
    terminateMayRepeat: true,
    logPath: LOG_PATH,
  };
}

/** Times that a replica slept until it had to send a request again. */
function countPauses({ steps }: ReplicaSchedule): number {
  return steps.filter((step) => step.do === "sleep" && step.forMs >= ANSWER_MS - 500).length;
}

/** No two replicas lead in one epoch. */
function findSharedEpochs({ replicas }: ReplicaWorld): string[] {
  const leaders = new Map<string, number>();
  const problems: string[] = [];
  for (const [at, { output }] of replicas.entries()) {
    for (const line of output) {
      const epoch = /Leading.*epoch=(\d+)/.exec(line)?.[1];
      if (epoch === undefined) continue;
      if (leaders.has(epoch)) problems.push(`Epoch ${epoch} has had two leaders`);
      leaders.set(epoch, at);
    }
  }
  return problems;
}

function readSessions(world: ReplicaWorld) {
  return world.server.readSessions();
}

function sessionPath(sid: string): string {
  return `/session.${sid}.log`;
}
