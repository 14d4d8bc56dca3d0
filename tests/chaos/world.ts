import { systemClock } from "../../src/core/clock.ts";
import { storageFolder, writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { AuthpeerChaosServer } from "./authpeer_chaos_server.ts";
import type { ChaosReceiver } from "./chaos_receiver.ts";
import type { ChaosServer } from "./chaos_server.ts";
import { FakeChaosReceiver } from "./fake_chaos_receiver.ts";
import { FakeChaosServer } from "./fake_chaos_server.ts";
import { FakeTime } from "./fake_time.ts";
import { FluentdChaosReceiver } from "./fluentd_chaos_receiver.ts";
import { Handler } from "./handler.ts";
import { Healing } from "./healing.ts";
import type { Schedule } from "./schedule.ts";
import { StateDisk } from "./state_disk.ts";
import type { Step } from "./step.ts";

/** From the rotation to an identity that expires until a good one has been there for a while. */
const EXPIRED_MS = 4000;

/** Both peers, the handler between them, its disk and its clock. */
export class World implements AsyncDisposable {
  readonly server: ChaosServer;
  readonly receiver: ChaosReceiver;
  readonly handler: Handler;
  /** `start-time` of the handler. */
  readonly startMs: number;
  /** Folder with everything that the handler stores for this server. */
  readonly storage: string;
  /** Steps that this machine cannot do, in words. */
  readonly skipped: string[] = [];
  /** Files whose secrets must not be printed. */
  readonly secretFiles: () => string[];
  readonly #disk: StateDisk | undefined;
  readonly #time: FakeTime | undefined;
  readonly #healing = new Healing();
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Pick<World, "server" | "receiver" | "handler" | "startMs" | "storage" | "secretFiles">,
    tools: { disk: StateDisk | undefined; time: FakeTime | undefined; stack: AsyncDisposableStack },
  ) {
    this.server = parts.server;
    this.receiver = parts.receiver;
    this.handler = parts.handler;
    this.startMs = parts.startMs;
    this.storage = parts.storage;
    this.secretFiles = parts.secretFiles;
    this.#disk = tools.disk;
    this.#time = tools.time;
    this.#stack = tools.stack;
  }

  /** Starts the peers and prepares the rest; the handler is not started yet. */
  static async create(schedule: Schedule): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await temporaryFolder());
    const has = (what: Step["do"]) => schedule.steps.some((step) => step.do === what);
    const disk = has("disk") ? await StateDisk.mount(folder.join("storage")) : undefined;
    if (disk !== undefined) stack.use(disk);
    const time = has("clock") ? await FakeTime.create(folder.path) : undefined;
    const server = stack.use(
      schedule.peer === "fake"
        ? await FakeChaosServer.start(schedule, folder.path)
        : await AuthpeerChaosServer.start(schedule, folder.join("auth")),
    );
    const receiver = stack.use(
      schedule.receiver === "fake"
        ? await FakeChaosReceiver.start(folder.path, { keepBodies: schedule.peer === "fake" })
        : await FluentdChaosReceiver.start(folder.join("fluentd")),
    );
    const startMs = Date.now() - schedule.backlog.spanMs - 60_000;
    const config = await writeSettings({
      folder: folder.path,
      address: server.address,
      identity: server.identity,
      url: (path) => receiver.url(path),
      files: receiver.files as never,
      extra: {
        "start-time": `"${new Date(startMs).toISOString()}"`,
        ...schedule.settings,
      },
    });
    const handler = stack.use(new Handler({ config, env: time?.env ?? {} }));
    return new World(
      {
        server,
        receiver,
        handler,
        startMs,
        storage: storageFolder({ folder: folder.path, address: server.address }),
        secretFiles: () => [server.identity, receiver.files.clientKey],
      },
      { disk, time, stack: stack.move() },
    );
  }

  /** Does one step. */
  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "append":
        return await this.server.append(step.count, step.ageMs);
      case "upload":
        return await this.server.upload(step.events, step.missingMs);
      case "kill":
      case "terminate":
        if (step.do === "kill") await this.handler.kill();
        else await this.handler.terminate();
        await systemClock.sleep(step.downMs);
        return this.handler.start();
      case "receiver":
        return await this.receiver.inject(step.fault);
      case "server":
        if (step.fault.kind === "rotate" && step.fault.expires) {
          this.handler.beginTrouble("credentials");
          this.#healing.after(EXPIRED_MS, () => this.handler.endTrouble("credentials"));
        }
        return await this.server.inject(step.fault);
      case "disk":
        return await this.#troubleDisk(step);
      case "clock":
        if (this.#time === undefined) return this.#skip("clock: libfaketime is not installed");
        await this.#time.jump(step.offsetMinutes);
        return this.#healing.after(step.forMs, () => this.#time?.jump(0));
      case "rest":
        await this.heal();
        return await systemClock.sleep(step.quietMs);
    }
  }

  /** Ends all faults. The handler runs afterwards. */
  async heal(): Promise<void> {
    await this.#healing.settled();
    await this.server.heal();
    await this.receiver.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healing.settled();
    await this.#stack.disposeAsync();
  }

  async #troubleDisk(step: Step & { do: "disk" }): Promise<void> {
    const disk = this.#disk;
    if (disk === undefined) return this.#skip("disk: no tmpfs can be mounted");
    this.handler.beginTrouble("disk");
    if (step.fault === "full") {
      await disk.fill();
    } else if (step.fault === "read-only-folder") {
      await this.handler.untilOpened();
      await disk.closeFolder();
    } else {
      await this.handler.kill();
      await disk.setReadOnly(true);
      this.handler.start();
    }
    this.#healing.after(step.forMs, async () => {
      await disk.openFolder();
      await disk.setReadOnly(false);
      await disk.free();
      // A run that met the trouble just before may need a moment to end.
      this.#healing.after(1000, () => this.handler.endTrouble("disk"));
    });
  }

  #skip(what: string): void {
    if (!this.skipped.includes(what)) this.skipped.push(what);
  }
}
