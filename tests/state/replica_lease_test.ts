import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { ReplicaLease } from "../../src/state/replica_lease.ts";
import { drawSeed } from "../support/seed.ts";
import { ReplicaWorld, TIMES } from "./replica_world.ts";
import { type Network, VirtualKv, VirtualKvServer } from "./virtual_kv.ts";
import { VirtualMachine, VirtualTime } from "./virtual_time.ts";

/** Longest time in which a crash may go without a leader. */
const TAKEOVER_MS = 20_000;
const NETWORKS: readonly Network[] = ["slow", "deaf", "mute", "cut"];

/** One thing that happens to a replica, and how long the world goes on before the next. */
interface Event {
  readonly kind: "kill" | "stop" | "sleep" | "wake" | "network" | "heal" | "server" | "start";
  readonly replica: number;
  readonly network: Network;
  readonly thenMs: number;
}

const events = fc.array(
  fc.record<Event>({
    kind: fc.constantFrom(
      "kill",
      "stop",
      "sleep",
      "wake",
      "network",
      "network",
      "heal",
      "server",
      "start",
    ),
    replica: fc.nat({ max: 2 }),
    network: fc.constantFrom(...NETWORKS),
    thenMs: fc.oneof(fc.nat({ max: 1000 }), fc.nat({ max: 12_000 }), fc.nat({ max: 40_000 })),
  }),
  { minLength: 3, maxLength: 15 },
);

Deno.test("ReplicaLease: never two leaders commit or send, whatever happens to three replicas", async () => {
  const seed = drawSeed();
  await fc.assert(
    fc.asyncProperty(events, fc.integer(), async (events, worldSeed) => {
      const world = new ReplicaWorld(3, randomOf(worldSeed));
      await world.time.advance(3000);
      for (const event of events) {
        await happen(world, event);
        await world.time.advance(event.thenMs);
        world.judge();
      }
      await healAll(world);
      assert.ok(await world.leaderWithin(60_000) !== undefined, "Nobody leads after all is well");
      world.judge();
      await endAll(world);
    }),
    { seed, numRuns: Number(Deno.env.get("FUZZ_RUNS") ?? 80) },
  );
});

async function happen(world: ReplicaWorld, event: Event): Promise<void> {
  const { kind, network, replica: at, thenMs } = event;
  const replica = world.replicas[at]!;
  switch (kind) {
    case "kill":
      return replica.kill();
    case "stop":
      return replica.stop();
    case "sleep":
      return replica.machine.stop();
    case "wake":
      return replica.machine.wake();
    case "network":
      return void (replica.kv.network = network);
    case "heal":
      return void (replica.kv.network = "good");
    case "server":
      world.server.isDown = true;
      await world.time.advance(thenMs);
      return void (world.server.isDown = false);
    case "start":
      if (!replica.isRunning) replica.start();
  }
}

async function healAll(world: ReplicaWorld): Promise<void> {
  for (const replica of world.replicas) {
    replica.machine.wake();
    replica.kv.network = "good";
    if (!replica.isRunning) replica.start();
  }
  await world.time.advance(1);
}

async function endAll(world: ReplicaWorld): Promise<void> {
  for (const replica of world.replicas) replica.kill();
  await world.time.advance(60_000);
}

Deno.test("ReplicaLease: another replica leads within 20 s of a crash, whenever that comes", async () => {
  const seed = drawSeed();
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 10_000 }), fc.integer(), async (afterMs, worldSeed) => {
      const { leader, world } = await makeWorldWithLeader(afterMs, worldSeed);
      leader.kill();
      const next = await world.leaderWithin(TAKEOVER_MS);
      assert.ok(next !== undefined && !next.startsWith(leader.name));
      assert.equal(world.expelledCount, 1);
      world.judge();
      await endAll(world);
    }),
    { seed, numRuns: 15 },
  );
});

Deno.test("ReplicaLease: another replica leads within a second of a stop in good order", async () => {
  const seed = drawSeed();
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 10_000 }), fc.integer(), async (afterMs, worldSeed) => {
      const { leader, world } = await makeWorldWithLeader(afterMs, worldSeed);
      leader.stop();
      // A commit under way may still come in.
      await world.time.advance(50);
      const next = await world.leaderWithin(950);
      assert.ok(next !== undefined && !next.startsWith(leader.name));
      assert.equal(world.expelledCount, 0);
      world.judge();
      await endAll(world);
    }),
    { seed, numRuns: 15 },
  );
});

Deno.test("ReplicaLease: a leader that sleeps past its lease sends nothing when it wakes, and follows", async () => {
  const { leader, world } = await makeWorldWithLeader(5000, 1);
  leader.machine.stop();
  const next = await world.leaderWithin(TAKEOVER_MS);
  assert.ok(next !== undefined && !next.startsWith(leader.name));
  const sentBefore = world.sent.filter(({ holder }) => holder.startsWith(leader.name)).length;
  leader.machine.wake();
  await world.time.advance(30_000);
  const sentAfter = world.sent.filter(({ holder, streamId }) =>
    holder.startsWith(leader.name) && streamId === "log"
  );
  assert.ok(sentAfter.length <= sentBefore);
  assert.equal(await world.leaderWithin(1000), next);
  world.judge();
  await endAll(world);
});

Deno.test("ReplicaLease: a store that is away for less than the deadline changes no leader", async () => {
  const { leader, world } = await makeWorldWithLeader(5000, 1);
  world.server.isDown = true;
  await world.time.advance(TIMES.renewDeadlineMs - TIMES.retryMs - 1500);
  world.server.isDown = false;
  assert.ok((await world.leaderWithin(10_000))?.startsWith(leader.name));
  assert.equal(world.expelledCount, 0);
  await endAll(world);
});

Deno.test("ReplicaLease: somebody leads soon after a store was away for longer than a lease lasts", async () => {
  const seed = drawSeed();
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 30_000 }), fc.integer(), async (moreMs, worldSeed) => {
      const { world } = await makeWorldWithLeader(5000, worldSeed);
      world.server.isDown = true;
      await world.time.advance(TIMES.durationMs + moreMs);
      world.server.isDown = false;
      // A try that was lost on its way, a pause, and a look; less than a lease lasts.
      const soonMs = TIMES.renewDeadlineMs / 2 + TIMES.retryMs + 1000;
      assert.ok(await world.leaderWithin(soonMs) !== undefined, "Nobody leads");
      assert.equal(world.expelledCount, 0);
      world.judge();
      await endAll(world);
    }),
    { seed, numRuns: 15 },
  );
});

Deno.test("ReplicaLease.take() takes the last lease away in the same write, unless others did", async () => {
  const time = new VirtualTime();
  const machine = new VirtualMachine(time, 0);
  const server = new VirtualKvServer();
  const kv = new VirtualKv(server, { time, machine, random: () => 0 });
  const take = async (id: string, last?: ReplicaLease) => {
    const connection = { db: kv, prefix: ["v1"] };
    const taking = ReplicaLease.take({
      connection,
      clock: machine,
      times: TIMES,
      name: "r",
      id,
      last,
    });
    taking.catch(() => {});
    await time.advance(100);
    return await taking;
  };
  const idsOf = (kind: string) =>
    server.list({ start: ["v1", kind, ""], end: ["v1", kind, "\u{10ffff}"] })
      .map(({ key }) => key.at(-1));
  const first = await take("r-1");
  await assert.rejects(take("r-2", first), /lease of 'r-1' is still held/);
  first.lose("the store was away");
  let writes = 0;
  server.onWritten = () => void writes++;
  const second = await take("r-3", first);
  assert.equal(writes, 1);
  assert.deepEqual([idsOf("lease"), idsOf("fence")], [["r-3"], ["r-3"]]);
  second.lose("the store was away");
  // The first one is gone: with that as its last, a try that comes late could take nothing away.
  await take("r-4", first);
  assert.deepEqual([idsOf("lease"), idsOf("fence")], [["r-3", "r-4"], ["r-3", "r-4"]]);
});

Deno.test("ReplicaLease.take() takes none that would be lost as soon as it is there", async () => {
  const time = new VirtualTime();
  const machine = new VirtualMachine(time, 0);
  // Two seconds each way, where a lease is lost after four and a half.
  const kv = new VirtualKv(new VirtualKvServer(), { time, machine, random: () => 0.4055 });
  kv.network = "slow";
  const taking = ReplicaLease.take({
    connection: { db: kv, prefix: ["v1"] },
    clock: machine,
    times: { ...TIMES, renewDeadlineMs: 4500 },
    name: "r",
    id: "r-1",
  });
  const refused = assert.rejects(
    taking,
    (error) => error instanceof Fault && error.kind === "state",
  );
  await time.advance(5000);
  await refused;
});

async function makeWorldWithLeader(afterMs: number, worldSeed: number) {
  const world = new ReplicaWorld(3, randomOf(worldSeed));
  await world.time.advance(3000 + afterMs);
  const id = await world.leaderWithin(2000);
  const leader = world.replicas.find(({ name }) => id?.startsWith(name));
  assert.ok(leader !== undefined);
  return { leader, world };
}

/** Numbers that a seed decides (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
