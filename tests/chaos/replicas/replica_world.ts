import { systemClock } from "../../../src/core/clock.ts";
import { type Denokv, startDenokv } from "../../support/denokv.ts";
import { findFreePort } from "../../support/free_port.ts";
import { writeSettings } from "../../support/settings_file.ts";
import { startTcpRelay, type TcpRelay } from "../../support/tcp_relay.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";
import { AuthpeerChaosServer } from "../authpeer_chaos_server.ts";
import { FakeChaosReceiver } from "../fake_chaos_receiver.ts";
import { Healing } from "../healing.ts";
import { ReplicaHandler } from "./replica_handler.ts";
import type { ReplicaSchedule, ReplicaStep, StoreTrouble, Who } from "./replica_schedule.ts";
import { StoreWitness } from "./store_witness.ts";

const HEALTHY = {
  toServer: "pass",
  toClient: "pass",
  accepts: true,
  delayMs: 0,
} as const;

/** The replicas, their peers, the store, and what is between them. */
export class ReplicaWorld implements AsyncDisposable {
  readonly server: AuthpeerChaosServer;
  readonly receiver: FakeChaosReceiver;
  readonly denokv: Denokv;
  readonly witness: StoreWitness;
  readonly replicas: readonly ReplicaHandler[];
  readonly startMs: number;
  readonly #relays: readonly TcpRelay[];
  readonly #healing = new Healing();
  #isStoreTroubled = false;
  readonly #patience: number;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<
      ReplicaWorld,
      "server" | "receiver" | "denokv" | "witness" | "replicas" | "startMs"
    >,
    own: {
      readonly relays: readonly TcpRelay[];
      readonly patience: number;
      readonly stack: AsyncDisposableStack;
    },
  ) {
    this.server = parts.server;
    this.receiver = parts.receiver;
    this.denokv = parts.denokv;
    this.witness = parts.witness;
    this.replicas = parts.replicas;
    this.startMs = parts.startMs;
    this.#relays = own.relays;
    this.#patience = own.patience;
    this.#stack = own.stack;
  }

  /** Starts everything but the replicas. */
  static async create(schedule: ReplicaSchedule, patience: number): Promise<ReplicaWorld> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const spanMs = 600_000;
    const server = stack.use(
      await AuthpeerChaosServer.start({
        seed: schedule.seed,
        mode: schedule.mode,
        backlog: { ...schedule.backlog, spanMs, odd: false },
      } as never, folder.join("auth")),
    );
    const receiver = stack.use(await FakeChaosReceiver.start(folder.path, { keepBodies: false }));
    const denokv = stack.use(await startDenokv(folder.path));
    const witness = stack.use(new StoreWitness(denokv.url));
    const startMs = Date.now() - spanMs - 60_000;
    const config = await writeSettings({
      folder: folder.path,
      address: server.address,
      identity: server.identity,
      url: (path) => receiver.url(path),
      files: receiver.files as never,
      extra: settingsOf(schedule, startMs),
    });
    const relays: TcpRelay[] = [];
    const replicas: ReplicaHandler[] = [];
    for (let at = 0; at < schedule.replicas; at++) {
      const relay = stack.use(startTcpRelay({ port: witness.open(at) }));
      relays.push(relay);
      const url = `http://127.0.0.1:${relay.port}`;
      const env = { ...denokv.env, FDFWD_STORAGE: url, FDFWD_REPLICA_NAME: `replica-${at}` };
      replicas.push(
        stack.use(new ReplicaHandler({ config, env, diagnosticsPort: findFreePort() })),
      );
    }
    const parts = { server, receiver, denokv, witness, replicas, startMs };
    return new ReplicaWorld(parts, { relays, patience, stack: stack.move() });
  }

  /** The one that says that it leads; the newest, where one does not know better yet. */
  get leader(): number | undefined {
    const epochOf = (replica: ReplicaHandler) =>
      Math.max(
        ...replica.output.map((line) => Number(/Leading.*epoch=(\d+)/.exec(line)?.[1] ?? 0)),
      );
    const leading = this.replicas.map((replica, at) => ({ at, replica }))
      .filter(({ replica }) => replica.isRunning && replica.leads)
      .sort((a, b) => epochOf(b.replica) - epochOf(a.replica));
    return leading[0]?.at;
  }

  /** Waits until something holds; whether it came to. */
  async until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    while (!holds()) {
      if (performance.now() > endMs) return false;
      await systemClock.sleep(10);
    }
    return true;
  }

  /** Does one step; what lasts goes on beside the next ones. */
  async take(step: ReplicaStep): Promise<void> {
    switch (step.do) {
      case "append":
        return await this.server.append(step.count, 0);
      case "upload":
        return await this.server.upload(step.events, 0);
      case "kill":
      case "terminate": {
        const replica = this.replicas[this.#find(step.who)]!;
        if (step.do === "kill") await replica.kill();
        else await replica.terminate(this.#patience);
        return this.#healing.after(step.downMs, () => replica.start());
      }
      case "sleep": {
        const replica = this.replicas[this.#find(step.who)]!;
        replica.sleep();
        return this.#healing.after(step.forMs, () => replica.wake());
      }
      case "trouble":
        return this.#trouble(this.#relays[this.#find(step.who)]!, step.trouble, step.forMs);
      case "restart-store":
        if (this.#isStoreTroubled) return;
        this.#isStoreTroubled = true;
        await this.denokv.stop();
        return this.#healing.after(step.downMs, async () => {
          await this.denokv.start();
          this.#isStoreTroubled = false;
        });
      case "pause-store": {
        if (this.#isStoreTroubled) return;
        this.#isStoreTroubled = true;
        const { process } = this.denokv;
        process.kill("SIGSTOP");
        return this.#healing.after(step.forMs, () => {
          process.kill("SIGCONT");
          this.#isStoreTroubled = false;
        });
      }
    }
  }

  /** Ends all faults, and has all replicas run. */
  async heal(): Promise<void> {
    await this.#healing.settled();
    for (const relay of this.#relays) relay.change(HEALTHY);
    for (const replica of this.replicas) {
      replica.wake();
      replica.start();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healing.settled().catch(() => {});
    await this.#stack.disposeAsync();
  }

  #find(who: Who): number {
    return who === "leader" ? this.leader ?? 0 : who;
  }

  #trouble(relay: TcpRelay, trouble: StoreTrouble, forMs: number): void {
    switch (trouble) {
      case "cut":
        return relay.cut();
      case "refuse":
        relay.change({ accepts: false });
        relay.cut();
        break;
      case "half-open":
        relay.change({ toServer: "hold", toClient: "hold" });
        break;
      case "drop":
        relay.change({ toClient: "drop" });
        break;
      case "slow":
        relay.change({ delayMs: 300 });
        break;
    }
    this.#healing.after(forMs, () => {
      relay.change(HEALTHY);
      // What was dropped leaves a gap in the middle of a connection.
      if (trouble === "drop") relay.cut();
    });
  }
}

function settingsOf(schedule: ReplicaSchedule, startMs: number): Record<string, string> {
  const { batchEvents, concurrency, lease } = schedule;
  return {
    "start-time": `"${new Date(startMs).toISOString()}"`,
    "batch": "40",
    "concurrency": String(concurrency),
    "skip-session-types": "[]",
    "fluentd-batch-events": String(batchEvents),
    "fluentd-timeout": '"5s"',
    "teleport-timeout": '"5s"',
    "lease-duration": `"${lease.durationMs}ms"`,
    "lease-renew-deadline": `"${lease.deadlineMs}ms"`,
    "lease-retry": `"${lease.retryMs}ms"`,
  };
}
