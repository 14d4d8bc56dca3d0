import { systemClock } from "../../src/core/clock.ts";
import { decodeKvValue, type KvDatabase } from "../../src/state/kv_connection.ts";
import { type Authpeer, startAuthpeer } from "../support/authpeer.ts";
import { createKvClient, type Denokv, startDenokv } from "../support/denokv.ts";
import type { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { Meter } from "./meter.ts";
import { type Receiver, startCountingReceiver } from "./rig.ts";

/** What is exported, and to whom. */
const WORK = { recordings: 200, recordingEvents: 60, chunks: 400, chunkEvents: 50 };
/** From the end of a request to its answer, as over a network. */
const LATENCY_MS = 30;
/**
 * Few of either, and small requests, so that it is the latency that limits and not the two cores that
 * all of it runs on: a chunk is five requests, 150 ms, and takes some 25 ms of CPU with all its peers.
 */
const SETTINGS = { "concurrency": "1", "fluentd-batch-events": "10", "skip-session-types": "[]" };
/** Between two looks at what is left. */
const LOOK_MS = 100;
/** Until all replicas have come, Teleport is away. */
const JOIN_SECONDS = 10;

/** What so many replicas did. */
export interface ReplicaSpeed {
  readonly replicas: number;
  readonly seconds: number;
  /** Recordings and chunks a second. */
  readonly streamsPerSecond: number;
  /** As a multiple of one replica. */
  readonly speedup: number;
  readonly cpuSeconds: number;
}

/** What a replica costs that has nothing to do. */
export interface IdleFollower {
  readonly seconds: number;
  /** Share of one core. */
  readonly cpuPercent: number;
  readonly rssMegabytes: number;
}

/** Measures the same work with 1, 2 and 4 replicas. Needs AUTHPEER and DENOKV. */
export async function measureReplicas(folder: string): Promise<readonly ReplicaSpeed[]> {
  await Deno.mkdir(folder);
  await using receiver = await startCountingReceiver(folder, LATENCY_MS);
  const speeds: ReplicaSpeed[] = [];
  for (const replicas of [1, 2, 4]) {
    const { cpuSeconds, seconds } = await measureOnce(`${folder}/${replicas}`, replicas, receiver);
    const streamsPerSecond = (WORK.recordings + WORK.chunks) / seconds;
    const speedup = streamsPerSecond / (speeds[0]?.streamsPerSecond ?? streamsPerSecond);
    speeds.push({ replicas, seconds, streamsPerSecond, speedup, cpuSeconds });
  }
  return speeds;
}

/** Measures a follower while another replica leads and no events come. */
export async function measureIdleFollower(folder: string, seconds = 30): Promise<IdleFollower> {
  await Deno.mkdir(folder);
  await using receiver = await startCountingReceiver(folder, 0);
  await using rig = await startRig(folder, { replicas: 2, receiver, events: 10, sessions: 0 });
  await rig.joined();
  const follower = rig.replicas.find(({ stderr }) => stderr.some((l) => l.includes("Following")))!;
  // What is used at the start says nothing of an idle one.
  await systemClock.sleep(5000);
  const before = await Meter.sample(follower.pid);
  await systemClock.sleep(seconds * 1000);
  const { cpuSeconds, rssMegabytes } = await Meter.sample(follower.pid);
  return { seconds, cpuPercent: 100 * (cpuSeconds - before.cpuSeconds) / seconds, rssMegabytes };
}

async function measureOnce(folder: string, replicas: number, receiver: Receiver) {
  await Deno.mkdir(folder);
  const { chunkEvents, chunks, recordings } = WORK;
  const events = chunks * chunkEvents;
  await using rig = await startRig(folder, { replicas, receiver, events, sessions: recordings });
  await rig.authpeer.control("/refuse", { seconds: JOIN_SECONDS, kind: "refuse", drop: true });
  await rig.joined();
  const reads = rig.replicas.map((process) =>
    process.waitForLine(/Reading the audit log by chunks/, { timeoutMs: 120_000 })
  );
  reads.forEach((read) => read.catch(() => {}));
  await Promise.any(reads);
  const startMs = performance.now();
  const startCpu = await rig.cpuSeconds();
  let [endMs, endCpu] = [startMs, startCpu];
  let hadWork = false;
  while (true) {
    const { isIdle, isLeft } = await look(rig.db, rig.prefix);
    // The leader notices the end later: what counts is when the last of the work was done.
    if (isLeft) hadWork = true;
    else if (hadWork) [endMs, endCpu, hadWork] = [performance.now(), await rig.cpuSeconds(), false];
    if (isIdle && !isLeft) break;
    await systemClock.sleep(LOOK_MS);
  }
  return { seconds: (endMs - startMs) / 1000, cpuSeconds: endCpu - startCpu };
}

/** Whether recordings or chunks wait or are forwarded, and whether the leader knows of no more. */
async function look(db: KvDatabase, prefix: readonly string[]) {
  const rangeOf = (kind: string) => ({
    start: [...prefix, "position", `${kind}/`],
    end: [...prefix, "position", `${kind}0`],
    batchSize: 1,
  });
  const [bulk, sessions, chunks] = await db.readFirst([
    { start: [...prefix, "position", "bulk"], end: [...prefix, "position", "bulk\0"] },
    rangeOf("session"),
    rangeOf("chunk"),
  ]);
  const position = bulk![0] && decodeKvValue(bulk![0].value) as { idleAt: string | null };
  return {
    isIdle: (position?.idleAt ?? null) !== null,
    isLeft: sessions!.length + chunks!.length > 0,
  };
}

interface Rig extends AsyncDisposable {
  readonly authpeer: Authpeer;
  readonly denokv: Denokv;
  readonly db: KvDatabase;
  readonly prefix: readonly string[];
  readonly replicas: readonly TestProcess[];
  joined(): Promise<void>;
  cpuSeconds(): Promise<number>;
}

async function startRig(
  folder: string,
  { events, receiver, replicas: count, sessions }: {
    readonly replicas: number;
    readonly receiver: Receiver;
    readonly events: number;
    readonly sessions: number;
  },
): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  await Deno.mkdir(`${folder}/auth`);
  const authpeer = stack.use(
    await startAuthpeer({
      dir: `${folder}/auth`,
      flags: {
        mode: "bulk",
        events,
        days: 1,
        sessions,
        "missing-sessions": 0,
        "session-events": WORK.recordingEvents,
        "chunk-events": WORK.chunkEvents,
      },
      journal: false,
    }),
  );
  const denokv = stack.use(await startDenokv(folder));
  const config = await writeSettings({
    folder,
    address: authpeer.address,
    identity: authpeer.file("identity"),
    url: (path) => receiver.url(path),
    files: receiver.files,
    extra: { ...SETTINGS, "start-time": `"${authpeer.ready.start}"` },
  });
  const replicas: TestProcess[] = [];
  for (let at = 0; at < count; at++) {
    const env = { ...denokv.env, FDFWD_REPLICA_NAME: `replica-${at}` };
    const replica = stack.use(
      startProgram({ args: ["start", "--config", config], env, withoutCoverage: true }),
    );
    replicas.push(replica);
  }
  const db = stack.use(createKvClient(denokv.url));
  const held = stack.move();
  return {
    authpeer,
    denokv,
    db,
    prefix: ["teleport-event-handler", "v1", authpeer.address.replaceAll(":", "_")],
    replicas,
    async joined() {
      const isIn = /Leading|Following/;
      await Promise.all(
        replicas.map((replica) => replica.waitForLine(isIn, { timeoutMs: 120_000 })),
      );
    },
    async cpuSeconds() {
      const usages = await Promise.all(replicas.map(({ pid }) => Meter.sample(pid)));
      return usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
