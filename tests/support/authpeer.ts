/** Runs authpeer, the auth server made of Teleport's own Go modules; `AUTHPEER` names it. */
import { peerPath } from "./peer.ts";
import { TestProcess } from "./process.ts";

/** How to start authpeer. */
export interface AuthpeerOptions {
  /** Flags by their names: `{ events: 100, mode: "legacy", odd: true }`. */
  readonly flags?: Readonly<Record<string, string | number | boolean>>;
  /** Folder for its credentials; one that was used before gives the same authorities. */
  readonly dir: string;
  /** Whether it keeps account of everything, which `readJournal` needs. @default {true} */
  readonly journal?: boolean;
}

/** The line that authpeer prints when it is ready. */
export interface AuthpeerReady {
  readonly grpc: string;
  readonly control: string;
  readonly proxy?: string;
  readonly dir: string;
  readonly events: number;
  readonly start: string;
  readonly pid: number;
}

/** One line of the journal; which fields it has depends on `kind`. */
export interface JournalLine {
  readonly kind: "event" | "chunk" | "rpc" | "lock";
  readonly [field: string]: unknown;
}

/** An event as the journal tells it. */
export interface JournalEvent {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly timeMs: number;
  readonly index: number;
  /** Name of the oddity; absent for ordinary events. */
  readonly odd?: string;
  readonly body: Record<string, unknown>;
}

/** The parts of a credential that authpeer wrote. */
export interface Credential {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly authorityPem: string;
}

/** Starts authpeer and waits until it serves. */
export async function startAuthpeer(options: AuthpeerOptions): Promise<Authpeer> {
  const journal = `${options.dir}/journal.jsonl`;
  const process = new TestProcess({
    command: peerPath("AUTHPEER"),
    args: [
      `--dir=${options.dir}`,
      ...(options.journal === false ? [] : [`--journal=${journal}`, "--journal-bodies"]),
      ...Object.entries(options.flags ?? {}).map(([name, value]) => `--${name}=${value}`),
    ],
  });
  try {
    const line = await process.waitForLine(/^\{/, { from: "stdout" });
    return new Authpeer(process, JSON.parse(line), journal);
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** A running authpeer. */
export class Authpeer implements AsyncDisposable {
  readonly process: TestProcess;
  readonly ready: AuthpeerReady;
  readonly #journal: string;

  constructor(process: TestProcess, ready: AuthpeerReady, journal: string) {
    this.process = process;
    this.ready = ready;
    this.#journal = journal;
  }

  /** Host and port, as `--teleport-addr` takes them. */
  get address(): string {
    return this.ready.grpc;
  }

  /** Path of a file that it wrote: `identity`, `client.crt`, `cas.pem`, `identity-expired`, … */
  file(name: string): string {
    return `${this.ready.dir}/${name}`;
  }

  /** Calls the control API: GET without a body, POST with one. */
  async control<T = unknown>(path: string, body?: Record<string, unknown>): Promise<T> {
    const { exited, stderr } = this.process;
    if (exited !== undefined) {
      throw new Error(`authpeer ended with ${JSON.stringify(exited)}: ${stderr.join("\n")}`);
    }
    const response = await fetch(
      `http://${this.ready.control}${path}`,
      body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
    );
    const text = await response.text();
    if (!response.ok) throw new Error(`authpeer answers ${path} with ${response.status}: ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Adds events to its log, or what else `/append` takes. */
  async append(body: Record<string, unknown>): Promise<void> {
    await this.control("/append", body);
  }

  /** Reads the whole journal. */
  async readJournal(): Promise<JournalLine[]> {
    await this.control("/state"); // flushes it
    const text = await Deno.readTextFile(this.#journal);
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }

  /** Every event that it has, in the order of an ascending reader. */
  async readEvents(): Promise<JournalEvent[]> {
    const lines = (await this.readJournal()).filter((line) => line.kind === "event");
    return lines
      .map((line) =>
        ({ ...line, timeMs: Date.parse(String(line.time)) }) as unknown as JournalEvent
      )
      .sort((a, b) => a.timeMs - b.timeMs || a.seq - b.seq);
  }

  /** Ends what `/rate` began, and waits until nothing comes behind it. Resolves with every event. */
  async stopAppending(): Promise<JournalEvent[]> {
    await this.control("/rate", { rate: 0 });
    let [events, seen, equalLooks] = [await this.readEvents(), 0, 0];
    while (equalLooks < 3) {
      seen = events.length;
      events = await this.readEvents();
      equalLooks = events.length === seen ? equalLooks + 1 : 0;
    }
    return events;
  }

  /** Splits an identity file that it wrote. */
  async readCredential(name = "identity"): Promise<Credential> {
    const text = await Deno.readTextFile(this.file(name));
    const blocks = text.match(/-----BEGIN [^]*?-----END [A-Z ]+-----\n?/g) ?? [];
    const [privateKeyPem, certificatePem, ...authorities] = blocks;
    if (privateKeyPem === undefined || certificatePem === undefined) {
      throw new SyntaxError(`Cannot read ${name}: it holds ${blocks.length} PEM blocks`);
    }
    return { privateKeyPem, certificatePem, authorityPem: authorities.join("") };
  }

  /** Stops it in good order. */
  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    await this.process.waitForExit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}
