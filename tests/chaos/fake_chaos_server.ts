import { Code } from "@connectrpc/connect";
import { writeTeleportFiles } from "../support/certificates.ts";
import { buildEvents, EVENT_TYPES, expectedJson, type FakeEvent } from "../support/events.ts";
import { type FakeAuthServer, startFakeAuthServer } from "../support/fake_auth_server.ts";
import type { ChaosServer } from "./chaos_server.ts";
import { Healing } from "./healing.ts";
import { canonicalJson, type KnownEvent, type KnownSession, markLate } from "./known_event.ts";
import type { Schedule } from "./schedule.ts";
import type { ServerFault } from "./step.ts";

/** An upload opens a recording, which this server does not have. */
const TYPES = EVENT_TYPES.filter((type) => type !== "session.upload");

/** The fake auth server under chaos: the audit log by pages. */
export class FakeChaosServer implements ChaosServer {
  readonly mode = "legacy";
  readonly identity: string;
  readonly #server: FakeAuthServer;
  readonly #seed: number;
  /** In the order of their entering the log. */
  readonly #appended: FakeEvent[] = [];
  readonly #healing = new Healing();

  private constructor(server: FakeAuthServer, identity: string, seed: number) {
    this.#server = server;
    this.identity = identity;
    this.#seed = seed;
  }

  /** Starts it with the backlog of a schedule, and writes the identity into the folder. */
  static async start(schedule: Schedule, folder: string): Promise<FakeChaosServer> {
    const server = await startFakeAuthServer();
    const { identity } = await writeTeleportFiles(folder);
    const chaos = new FakeChaosServer(server, identity, schedule.seed);
    const { events, spanMs } = schedule.backlog;
    chaos.#add(buildEvents({
      count: events,
      seed: schedule.seed,
      startMs: Date.now() - spanMs,
      spanMs: spanMs - 1000,
      types: TYPES,
      sameTime: 1 + schedule.seed % 4,
    }));
    return chaos;
  }

  get address(): string {
    return this.#server.address;
  }

  append(count: number, ageMs: number): Promise<void> {
    this.#add(buildEvents({
      count,
      seed: this.#seed * 1000 + this.#appended.length,
      startMs: Date.now() - ageMs,
      spanMs: 0,
      types: TYPES,
    }));
    return Promise.resolve();
  }

  upload(): Promise<void> {
    return Promise.reject(new Error("The fake auth server has no recordings"));
  }

  async inject(fault: ServerFault): Promise<void> {
    const server = this.#server;
    switch (fault.kind) {
      case "drop-connections":
        return server.dropConnections();
      case "away":
        await server.refuse();
        return this.#healing.after(fault.forMs, () => server.accept());
      case "go-away":
        return server.goAway();
      case "restart":
        return await server.restart();
      case "hang":
        return void server.hangNext();
      case "slow":
        for (let i = 0; i < fault.times; i++) {
          const gate = server.holdNext();
          this.#healing.after(fault.delayMs, () => gate.open());
        }
        return;
      case "status": {
        const code = Code[fault.code as keyof typeof Code];
        return server.failNext({ code, times: fault.times });
      }
      case "reset-stream":
        for (let i = 0; i < fault.times; i++) server.resetNext(fault.code);
        return;
      default:
        throw new Error(`The fake auth server knows no fault '${fault.kind}'`);
    }
  }

  async heal(): Promise<void> {
    await this.#healing.settled();
    this.#server.clearScript();
    await this.#server.accept();
  }

  readEvents(): Promise<KnownEvent[]> {
    const known = new Map(
      markLate(this.#appended.map((event) => ({
        key: canonicalJson(event.fields),
        id: event.id,
        type: event.type,
        timeMs: event.timeMs,
        stream: "log",
        place: 0,
        bytes: expectedJson(event).length,
        text: expectedJson(event),
      }))).map((event) => [event.id, event]),
    );
    return Promise.resolve(
      this.#server.events.map(({ id }, place) => ({ ...known.get(id)!, place })),
    );
  }

  readSessions(): Promise<KnownSession[]> {
    return Promise.resolve([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#healing.settled();
    await this.#server.close();
  }

  #add(events: readonly FakeEvent[]): void {
    this.#appended.push(...events);
    this.#server.append(events);
  }
}
