import { systemClock } from "../../src/core/clock.ts";
import { decodeKvValue, keysBelow, type KvDatabase } from "../../src/state/kv_connection.ts";
import { type Authpeer, startAuthpeer } from "../support/authpeer.ts";
import { createKvClient, type Denokv, startDenokv } from "../support/denokv.ts";
import type { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { Meter, type Usage } from "./meter.ts";
import { type Receiver, startCountingReceiver } from "./rig.ts";

/** What is exported, and to whom. */
const WORK = { recordings: 200, recordingEvents: 60, chunks: 400, chunkEvents: 50 };
/** From the end of a request to its answer, as over a network. */
const LATENCY_MS = 30;
/** Few of either, so that it is the latency that limits and not the machine that all of it runs on. */
const SETTINGS = { "concurrency": "1", "fluentd-batch-events": "25", "skip-session-types": "[]" };
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
  await using meter = new Meter(follower.pid);
  // What is used at the start says nothing of an idle one.
  await systemClock.sleep(5000);
  const before: Usage = meter.usage;
  await systemClock.sleep(seconds * 1000);
  const { cpuSeconds, rssMegabytes } = meter.usage;
  await rig.stop();
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
  while (!await isDone(rig.db, rig.prefix)) await systemClock.sleep(50);
  const seconds = (performance.now() - startMs) / 1000;
  const cpuSeconds = rig.cpuSeconds();
  await rig.stop();
  return { seconds, cpuSeconds };
}

/** Whether all that Teleport has is forwarded: the leader has said so, and nothing waits. */
async function isDone(db: KvDatabase, prefix: readonly string[]): Promise<boolean> {
  const [bulk] = await db.read([[...prefix, "position", "bulk"]]);
  if (bulk!.value === undefined) return false;
  const { idleAt } = decodeKvValue(bulk!.value) as { idleAt: string | null };
  if (idleAt === null) return false;
  for await (const { key } of db.list(keysBelow([...prefix, "position"]))) {
    if (/^(session|chunk)\//.test(key.at(-1)!)) return false;
  }
  return true;
}

interface Rig extends AsyncDisposable {
  readonly authpeer: Authpeer;
  readonly denokv: Denokv;
  readonly db: KvDatabase;
  readonly prefix: readonly string[];
  readonly replicas: readonly TestProcess[];
  joined(): Promise<void>;
  cpuSeconds(): number;
  /** Ends the replicas: who samples them goes on for as long as they run. */
  stop(): Promise<void>;
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
  const meters: Meter[] = [];
  for (let at = 0; at < count; at++) {
    const env = { ...denokv.env, FDFWD_REPLICA_NAME: `replica-${at}` };
    const replica = stack.use(
      startProgram({ args: ["start", "--config", config], env, withoutCoverage: true }),
    );
    replicas.push(replica);
    meters.push(stack.use(new Meter(replica.pid)));
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
    async stop() {
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
    },
    cpuSeconds: () => meters.reduce((sum, { usage }) => sum + usage.cpuSeconds, 0),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}
