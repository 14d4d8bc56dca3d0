/**
 * The official handler, as far as its state goes: it reads the log by pages and keeps its place as that
 * one does. Each fact is from its source, gravitational/teleport, of which the file is named beside it.
 */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { PagedAuditLog } from "../../src/teleport/log_query.ts";

/** How it is set up. */
export interface GoHandlerOptions {
  readonly auditLog: PagedAuditLog;
  /** Its storage folder for the address. */
  readonly folder: string;
  /** `start-time`; milliseconds since the epoch. */
  readonly startMs: number;
  /** `batch`. @default {20} */
  readonly batch?: number;
  /** Whether it keeps `window_time`, as versions since May 2024 do. @default {true} */
  readonly hasWindows?: boolean;
  /** Present time. @default {that of the clock} */
  readonly nowMs?: number;
}

const WINDOW_MS = 24 * 60 * 60 * 1000;

/** See the head of this file. */
export class GoHandler {
  /** Ids of the events that it has sent, in order. */
  readonly sent: string[] = [];
  readonly #options: GoHandlerOptions;
  #startMs = 0;
  #windowMs = 0;
  #cursor = "";
  #id = "";

  constructor(options: GoHandlerOptions) {
    this.#options = options;
  }

  /** Sends up to so many events, and ends as after a kill -9; or once there are no more. */
  async run(maxEvents = Infinity): Promise<void> {
    await this.#load();
    let left = maxEvents;
    while (left > 0) {
      const { events, next } = await this.#fetch();
      // legacy_events_watcher.go, fetch(): the last known event is looked for on the page.
      const known = events.findLastIndex((event) => event.id === this.#id);
      for (const event of events.slice(known + 1)) {
        if (left-- === 0) return;
        this.sent.push(event.id);
        if (event.sid !== undefined) await this.register(event.sid);
        // events_job.go, handleEvent(): the id, then the key of the page that the event came with.
        this.#id = event.id;
        await this.#write("id", event.id);
        await this.#write("cursor", this.#cursor);
      }
      // flipPage() when there is another one; else the same page again, until it brings nothing new.
      if (next !== "") this.#cursor = next;
      else if (known === events.length - 1) return;
    }
  }

  /** session_events_job.go, RegisterSession(), and SetSessionIndex() of state.go. */
  async register(sessionId: string, index = 0): Promise<void> {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(index));
    await this.#write(`session${sessionId}`, bytes);
  }

  /** state.go, SetMissingRecording(); since July 2024. */
  async miss(sessionId: string, index: number, uploadMs: number): Promise<void> {
    const json = {
      Index: index,
      Attempt: 1,
      Timestamp: new Date(uploadMs).toISOString().replace(".000Z", "Z"),
    };
    await this.#write(`missing_recording${sessionId}`, JSON.stringify(json));
  }

  /** The sessions that it would take up, with their indexes; state.go, GetSessions(). */
  async readSessions(): Promise<Map<string, number>> {
    const sessions = new Map<string, number>();
    for await (const { name } of Deno.readDir(this.#options.folder)) {
      if (!name.startsWith("session") || name === "session") continue;
      const bytes = await Deno.readFile(`${this.#options.folder}/${name}`);
      // binary.BigEndian.Uint64() panics over less.
      if (bytes.length < 8) throw new RangeError(`${name} holds ${bytes.length} bytes`);
      sessions.set(name.slice(7), Number(new DataView(bytes.buffer).getBigUint64(0)));
    }
    return sessions;
  }

  /** app.go, init() and setStartTime(); state.go, getTimeKey(). */
  async #load(): Promise<void> {
    const { folder, hasWindows = true, startMs } = this.#options;
    // storageDirPerms of state.go.
    await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
    const stored = await this.#read("start_time");
    if (stored === "") await this.#write("start_time", formatTime(startMs));
    this.#startMs = stored === "" ? startMs : parseTime(stored);
    this.#cursor = await this.#read("cursor");
    this.#id = await this.#read("id");
    const window = hasWindows ? await this.#read("window_time") : "";
    this.#windowMs = window === "" ? this.#startMs : parseTime(window);
    if (hasWindows) await this.#write("window_time", formatTime(this.#windowMs));
  }

  /** legacy_events_watcher.go, getEvents(): windows one after the other, until one has news. */
  async #fetch(): Promise<{ events: readonly GoEvent[]; next: string }> {
    const { hasWindows = true, nowMs = Date.now() } = this.#options;
    const spanMs = hasWindows ? WINDOW_MS : Infinity;
    let events: readonly GoEvent[] = [];
    for (let fromMs = this.#windowMs; fromMs < nowMs; fromMs += spanMs) {
      const toMs = Math.min(fromMs + spanMs, nowMs);
      const page = await this.#query(fromMs, toMs);
      events = [...events, ...page.events];
      const known = events.findLastIndex((event) => event.id === this.#id);
      const isDone = events.length === 0 || known === events.length - 1;
      if (page.next !== "" || !isDone || toMs === nowMs) return { events, next: page.next };
      this.#windowMs = toMs;
      await this.#write("window_time", formatTime(toMs));
    }
    return { events, next: "" };
  }

  async #query(fromMs: number, toMs: number) {
    const { auditLog, batch = 20 } = this.#options;
    const { items, lastKey } = await auditLog.getUnstructuredEvents({
      namespace: "default",
      startDate: timestampFromMs(fromMs),
      endDate: timestampFromMs(toMs),
      limit: batch,
      startKey: this.#cursor,
      // EventOrderAscending is 0 on the wire.
      order: 0,
    }, {});
    const events: GoEvent[] = items.map(({ id, type, unstructured }) => ({
      id,
      sid: type === "session.upload" ? findUuid(unstructured) : undefined,
    }));
    return { events, next: lastKey };
  }

  async #read(name: string): Promise<string> {
    return await Deno.readTextFile(`${this.#options.folder}/${name}`).catch(() => "");
  }

  /** diskv.go, WriteStream() of v3.0.1: an overwrite in place, of mode 0666 less the umask. */
  async #write(name: string, content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${this.#options.folder}/${name}`, bytes, { mode: 0o666 });
  }
}

interface GoEvent {
  readonly id: string;
  /** Of a recording that was uploaded. */
  readonly sid: string | undefined;
}

/** Writes `cursor_v2` as lib/events/export/cursor.go does, syncDate(). */
export async function writeGoDates(
  folder: string,
  dates: Readonly<
    Record<string, { completed?: readonly string[]; cursors?: Record<string, string> }>
  >,
): Promise<void> {
  for (const [date, { completed = [], cursors = {} }] of Object.entries(dates)) {
    const path = `${folder}/cursor_v2/${date}`;
    await Deno.mkdir(path, { recursive: true, mode: 0o755 });
    await Deno.writeTextFile(
      `${path}/completed-chunks`,
      completed.map((chunk) => `${chunk}\n`).join(""),
      { mode: 0o644 },
    );
    for (const [chunk, cursor] of Object.entries(cursors)) {
      await Deno.writeTextFile(`${path}/${chunk}.chunk`, cursor, { mode: 0o644 });
    }
  }
}

/** state.go, setTimeKey(): RFC 3339 in seconds. */
function formatTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

function parseTime(text: string): number {
  return Math.floor(Date.parse(text) / 1000) * 1000;
}

/** The `sid` of an upload, whose payload is a Struct as bytes. */
function findUuid(payload: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(payload);
  return /sid[^]{0,8}?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/.exec(text)?.[1];
}
