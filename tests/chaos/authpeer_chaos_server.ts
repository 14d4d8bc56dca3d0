import { fromBinary, toJson } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { openAuthClient } from "../support/auth_client.ts";
import { type Authpeer, startAuthpeer } from "../support/authpeer.ts";
import type { ChaosServer } from "./chaos_server.ts";
import { Healing } from "./healing.ts";
import { canonicalJson, type KnownEvent, type KnownSession, markLate } from "./known_event.ts";
import type { Schedule } from "./schedule.ts";
import type { ServerFault, ServerMode } from "./step.ts";

/** A recording as authpeer lists it. */
interface ListedSession {
  readonly sid: string;
  readonly events: number;
  readonly missing: boolean;
}

/** authpeer under chaos: pages, bulk export and recordings. */
export class AuthpeerChaosServer implements ChaosServer {
  readonly #authpeer: Authpeer;
  readonly #healing = new Healing();
  /** Recordings never change. */
  readonly #recordings = new Map<string, readonly string[]>();
  #mode: ServerMode;
  #isPaused = false;

  private constructor(authpeer: Authpeer, mode: ServerMode) {
    this.#authpeer = authpeer;
    this.#mode = mode;
  }

  /** Starts it with the backlog of a schedule; its files lie in the folder. */
  static async start(schedule: Schedule, folder: string): Promise<AuthpeerChaosServer> {
    const { backlog, mode, seed } = schedule;
    await Deno.mkdir(folder, { recursive: true });
    const authpeer = await startAuthpeer({
      dir: folder,
      flags: {
        mode,
        seed,
        events: backlog.events,
        days: backlog.spanMs / 86_400_000,
        sessions: backlog.sessions,
        "session-events": backlog.sessionEvents,
        "chunk-events": 40,
        "chunk-delay": "300ms",
        ...(backlog.odd ? { odd: true } : {}),
      },
    });
    return new AuthpeerChaosServer(authpeer, mode);
  }

  get address(): string {
    return this.#authpeer.address;
  }

  get identity(): string {
    return this.#authpeer.file("identity");
  }

  get mode(): ServerMode {
    return this.#mode;
  }

  async append(count: number, ageMs: number): Promise<void> {
    await this.#authpeer.append({ count, ...(ageMs > 0 ? { age_seconds: ageMs / 1000 } : {}) });
  }

  async upload(events: number, missingMs: number): Promise<void> {
    const before = new Set((await this.#listSessions()).map(({ sid }) => sid));
    await this.#authpeer.append({
      count: 1,
      type: "session.upload",
      session: true,
      session_events: events,
      missing: missingMs > 0,
    });
    if (missingMs === 0) return;
    const added = (await this.#listSessions()).filter(({ sid }) => !before.has(sid));
    this.#healing.after(missingMs, async () => {
      for (const { sid } of added) {
        await this.#authpeer.control("/session", { sid, missing: false });
      }
    });
  }

  async inject(fault: ServerFault): Promise<void> {
    switch (fault.kind) {
      case "drop-connections":
        return await this.#post("/drop-connections", {});
      case "away":
        return await this.#refuse(fault.forMs, "refuse");
      case "stall":
        return await this.#refuse(fault.forMs, "stall");
      case "go-away":
      case "restart":
        return await this.#post("/stop", { restart: true, grace_seconds: 0 });
      case "pause":
        return this.#pause(fault.forMs);
      case "rotate":
        return await this.#rotate(fault);
      case "mode":
        this.#mode = fault.mode;
        return await this.#post("/mode", { mode: fault.mode });
      default:
        return await this.#post("/fault", toControlFault(fault));
    }
  }

  async heal(): Promise<void> {
    await this.#healing.settled();
    await this.#post("/clear-faults", {});
  }

  async readEvents(): Promise<KnownEvent[]> {
    const events = await this.#authpeer.readEvents();
    const chunks = await this.#readChunks();
    const known = markLate(
      events.toSorted((a, b) => a.seq - b.seq).map((event) => ({
        key: canonicalJson(event.body),
        id: event.id,
        type: event.type,
        timeMs: event.timeMs,
        stream: chunks(event.seq) ?? "log",
        place: event.seq,
        bytes: JSON.stringify(event.body).length,
      })),
    );
    // Chunks hold events in the order of their entering, pages in that of their times.
    return events.map(({ seq }, index) =>
      this.#mode === "bulk" ? known[seq]! : { ...known[seq]!, place: index }
    );
  }

  /** Asks for recordings as a client does, so no fault may be there. */
  async readSessions(): Promise<KnownSession[]> {
    const listed = await this.#listSessions();
    const unread = listed.filter(({ missing, sid }) => !missing && !this.#recordings.has(sid));
    if (unread.length > 0) await this.#readRecordings(unread);
    return listed.map(({ missing, sid }) => ({
      sid,
      keys: missing ? [] : this.#recordings.get(sid)!,
      isMissing: missing,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isPaused) this.#authpeer.process.kill("SIGCONT");
    await this.#healing.settled().catch(() => {});
    await this.#authpeer[Symbol.asyncDispose]();
  }

  async #listSessions(): Promise<readonly ListedSession[]> {
    return await this.#authpeer.control<ListedSession[]>("/sessions");
  }

  /**
   * The journal does not tell what recordings hold, so they are read over gRPC, and by a way that has
   * nothing of the handler's: the library decodes the messages and writes their JSON.
   */
  async #readRecordings(sessions: readonly ListedSession[]): Promise<void> {
    const { authorityPem, certificatePem, privateKeyPem } = await this.#authpeer.readCredential();
    using client = openAuthClient({
      address: this.address,
      authorityPem,
      certificatePem,
      privateKeyPem,
    });
    for (const { events, sid } of sessions) {
      const keys: string[] = [];
      const answer = client.auditLog.streamUnstructuredSessionEvents({ sessionId: sid });
      for await (const { unstructured } of answer) {
        keys.push(canonicalJson(toJson(StructSchema, fromBinary(StructSchema, unstructured))));
      }
      if (new Set(keys).size !== events) {
        throw new Error(
          `authpeer gives ${keys.length} of ${events} events of the recording ${sid}`,
        );
      }
      this.#recordings.set(sid, keys);
    }
  }

  /** The chunk of an event by its number in the journal, where it has one. */
  async #readChunks(): Promise<(seq: number) => string | undefined> {
    const bySeq = new Map<number, string>();
    for (const line of await this.#authpeer.readJournal()) {
      if (line.kind === "event" && typeof line["chunk"] === "string") {
        bySeq.set(Number(line["seq"]), line["chunk"]);
      } else if (line.kind === "chunk") {
        for (let seq = Number(line["lo"]); seq < Number(line["hi"]); seq++) {
          bySeq.set(seq, String(line["chunk"]));
        }
      }
    }
    return (seq) => this.#mode === "bulk" ? bySeq.get(seq) : undefined;
  }

  async #post(path: string, body: Record<string, unknown>): Promise<void> {
    await this.#authpeer.control(path, body);
  }

  async #refuse(forMs: number, kind: "refuse" | "stall"): Promise<void> {
    await this.#post("/refuse", { seconds: forMs / 1000, kind, drop: true });
    this.#healing.after(forMs, () => {});
  }

  #pause(forMs: number): void {
    this.#authpeer.process.kill("SIGSTOP");
    this.#isPaused = true;
    this.#healing.after(forMs, () => {
      this.#isPaused = false;
      this.#authpeer.process.kill("SIGCONT");
    });
  }

  async #rotate(fault: ServerFault & { kind: "rotate" }): Promise<void> {
    const { ca, drop, expires } = fault;
    if (!expires) return await this.#post("/rotate", { ca, drop });
    await this.#post("/rotate", { ttl_seconds: 1 });
    this.#healing.after(1500, () => this.#post("/rotate", { ca, drop: true, ttl_seconds: 43_200 }));
  }
}

function toControlFault(
  fault: Extract<ServerFault, { readonly method: string }>,
): Record<string, unknown> {
  const { method } = fault;
  switch (fault.kind) {
    case "hang":
      return { method, kind: "hang", times: fault.times };
    case "slow":
      return { method, kind: "delay", delay_ms: fault.delayMs, times: fault.times };
    case "status": {
      const { afterMessages, code, times } = fault;
      return { method, kind: "status", code, after_messages: afterMessages, times };
    }
    case "reset-stream": {
      const { afterMessages, code, times } = fault;
      return {
        method,
        kind: "reset_stream",
        code: String(code),
        after_messages: afterMessages,
        times,
      };
    }
    default:
      return { method, kind: "truncate", after_messages: fault.afterMessages, times: 1 };
  }
}
