import { Buffer } from "node:buffer";
import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import { limitTime } from "../core/limit_time.ts";
import { untilAborted } from "../core/until_aborted.ts";
import type {
  KvCall,
  KvDatabase,
  KvEntry,
  KvKey,
  KvRange,
  KvStored,
  KvWrite,
} from "./kv_connection.ts";
import { decodeKvKey, encodeKvKey } from "./kv_key.ts";
import {
  decodeReadAnswer,
  decodeWriteAnswer,
  encodeRead,
  encodeWrite,
  type RawEntry,
  type ReadAnswer,
  type ReadRange,
} from "./kv_messages.ts";
import {
  lateFault,
  nonsenseFault,
  readOnlyFault,
  statusFault,
  unreachableFault,
} from "./kv_server_fault.ts";
import { KV_VERSIONS, type KvServerMetadata, parseKvMetadata } from "./kv_server_metadata.ts";
import { readAnswer } from "./read_answer.ts";

/** Where a server is, and how it is talked to. */
export interface KvServerOptions {
  /** http or https, without a user or password. */
  readonly url: string;
  /** Asked whenever the server has to be told who we are. @throws {Fault} */
  readonly readToken: () => Promise<string>;
  /** Authorities to trust besides the well-known ones, as PEM. */
  readonly caCerts?: readonly string[];
  /** Longest wait for an answer, where a call says nothing else. */
  readonly timeoutMs: number;
  readonly userAgent: string;
  readonly clock: Clock;
}

/** Keys and ranges that a server reads in one go. */
const MAX_RANGES = 10;
/** Such reads side by side, each over a connection of its own. */
const READS_AT_ONCE = 8;
/** Entries that a server lists in one go. */
const MAX_BATCH = 500;
/** As much as is read of what a server says about itself or its troubles. */
const MAX_WORDS_BYTES = 64 * 1024;
/** As much as is read of an answer: a batch of the largest values. */
const MAX_ANSWER_BYTES = 40 * 1024 * 1024;
/** Shorter than what servers and balancers wait before they close a connection. */
const IDLE_MS = 15_000;
const PROTOBUF = "application/x-protobuf";

/** An answer of the data path. */
interface Answer {
  readonly status: number;
  readonly location: string | null;
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** What was said about the server, and until when that counts, on the monotonic clock. */
interface Session extends KvServerMetadata {
  readonly untilMs: number;
}

/**
 * A database on a server of the KV Connect protocol (docs/decisions/0037-own-client-for-kv-connect.md).
 * Nothing is opened before the first call; each call makes the connection that it needs, ends within
 * its limit, and is tried once.
 */
export class KvServer implements KvDatabase {
  readonly name: string;
  readonly #options: KvServerOptions;
  #client: Deno.HttpClient | undefined;
  #session: Session | undefined;
  /** The tokens that were used last, which no message may hold. */
  #tokens: readonly string[] = [];

  constructor(options: KvServerOptions) {
    this.#options = options;
    this.name = `State server '${options.url}'`;
  }

  async read(keys: readonly KvKey[], call: KvCall = {}): Promise<readonly KvEntry[]> {
    const entries: KvEntry[] = [];
    for (let first = 0; first < keys.length; first += MAX_RANGES * READS_AT_ONCE) {
      const starts: Promise<KvEntry[]>[] = [];
      for (let i = 0; i < READS_AT_ONCE; i++) {
        const at = first + i * MAX_RANGES;
        if (at < keys.length) starts.push(this.#readSome(keys.slice(at, at + MAX_RANGES), call));
      }
      // All of them end, so that nothing goes on behind a call that failed.
      for (const end of await Promise.allSettled(starts)) {
        if (end.status === "rejected") throw end.reason;
        entries.push(...end.value);
      }
    }
    return entries;
  }

  async *list(range: KvRange, call: KvCall = {}) {
    const { batchSize = MAX_BATCH, reverse = false } = range;
    const limit = Math.min(batchSize, MAX_BATCH);
    let start = encodeKvKey(range.start);
    let end = encodeKvKey(range.end);
    while (true) {
      const [entries] = await this.#readRanges([{ start, end, limit, reverse }], call);
      for (const entry of entries!) yield this.#toStored(entry);
      const last = entries!.at(-1)?.key;
      if (last === undefined || entries!.length < limit) return;
      if (reverse) end = last.slice() as Uint8Array<ArrayBuffer>;
      else start = keyAfter(last);
    }
  }

  async readFirst(
    ranges: readonly KvRange[],
    call: KvCall = {},
  ): Promise<readonly (readonly KvStored[])[]> {
    const found = await this.#readRanges(
      ranges.map(({ batchSize = MAX_BATCH, end, reverse = false, start }) => ({
        start: encodeKvKey(start),
        end: encodeKvKey(end),
        limit: Math.min(batchSize, MAX_BATCH),
        reverse,
      })),
      call,
    );
    return found.map((entries) => entries.map((entry) => this.#toStored(entry)));
  }

  async write(write: KvWrite, call: KvCall = {}): Promise<string | undefined> {
    const { checks = [], remove = [], set = [] } = write;
    const body = encodeWrite({
      checks: checks.map(({ key, version }) => ({
        key: encodeKvKey(key),
        version: fromHex(version ?? ""),
      })),
      set: set.map(({ key, value }) => ({ key: encodeKvKey(key), value })),
      remove: remove.map(encodeKvKey),
    });
    const { status, version } = await this.#call("atomic_write", body, decodeWriteAnswer, call);
    switch (status) {
      case "done":
        return toHex(version);
      case "check-failed":
        return await this.#findWritten(set, call);
      case "read-only":
        this.#session = undefined;
        throw readOnlyFault(this.name);
      case "unknown":
        throw nonsenseFault(this.name, "does not say whether it has written");
    }
  }

  /**
   * The runtime sends a request a second time when the connection breaks before the answer comes: then
   * the check of the second fails by what the first has done. All of a write has the same version.
   */
  async #findWritten(
    set: NonNullable<KvWrite["set"]>,
    call: KvCall,
  ): Promise<string | undefined> {
    const wanted = set.slice(0, MAX_RANGES);
    const found = await this.read(wanted.map(({ key }) => key), call);
    const [first] = found;
    const isOurs = found.every(({ value, version }, i) =>
      version === first!.version && value !== undefined && isSame(value, wanted[i]!.value)
    );
    return isOurs ? first?.version : undefined;
  }

  async #readSome(keys: readonly KvKey[], call: KvCall): Promise<KvEntry[]> {
    const ranges = keys.map((key) => {
      const start = encodeKvKey(key);
      return { start, end: keyAfter(start), limit: 1, reverse: false };
    });
    const found = await this.#readRanges(ranges, call);
    return found.map(([entry], i) => ({
      key: keys[i]!,
      value: entry?.value,
      version: entry === undefined ? undefined : toHex(entry.version),
    }));
  }

  async #readRanges(
    ranges: readonly ReadRange[],
    call: KvCall,
  ): Promise<readonly (readonly RawEntry[])[]> {
    const decode = (bytes: Uint8Array): ReadAnswer => decodeReadAnswer(bytes);
    const answer = await this.#call("snapshot_read", encodeRead(ranges), decode, call);
    if (answer.isRefused) {
      this.#session = undefined;
      throw readOnlyFault(this.name);
    }
    if (answer.ranges.length !== ranges.length) {
      throw nonsenseFault(this.name, "answers a read with something else");
    }
    return answer.ranges;
  }

  #toStored({ key, value, version }: RawEntry): KvStored {
    try {
      return { key: decodeKvKey(key), value, version: toHex(version) };
    } catch {
      throw nonsenseFault(this.name, "holds a key that this program has not written");
    }
  }

  async #call<T>(
    method: string,
    body: Uint8Array<ArrayBuffer>,
    decode: (bytes: Uint8Array) => T,
    { limitMs = this.#options.timeoutMs, signal }: KvCall,
  ): Promise<T> {
    signal?.throwIfAborted();
    using limit = limitTime({ clock: this.#options.clock, timeoutMs: limitMs, stop: signal });
    let answer: Answer;
    try {
      answer = await this.#post(method, body, limit.signal);
    } catch (error) {
      // A connection that has gone dead is not used again.
      this.#discardClient();
      signal?.throwIfAborted();
      if (limit.isOver) throw lateFault(this.name, limitMs);
      throw error instanceof Fault ? this.#toStateFault(error) : unreachableFault(this.name, error);
    }
    if (answer.status !== 200) throw this.#statusFault(answer);
    if (!answer.type.startsWith(PROTOBUF)) {
      throw nonsenseFault(this.name, describeType(answer.type));
    }
    try {
      return decode(answer.bytes);
    } catch {
      throw nonsenseFault(this.name, "answers what is no message of KV Connect");
    }
  }

  /** What it was told may have been taken back: then it is asked again, once. */
  async #post(
    method: string,
    body: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const isFresh = this.#currentSession() === undefined;
    const answer = await this.#postOnce(method, body, signal);
    if (answer.status !== 401 && answer.status !== 403) return answer;
    this.#session = undefined;
    return isFresh ? answer : await this.#postOnce(method, body, signal);
  }

  async #postOnce(
    method: string,
    body: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const { databaseId, endpoint, token, version } = this.#currentSession() ??
      await this.#openSession(signal);
    return await this.#exchange({
      url: `${endpoint}/${method}`,
      body,
      signal,
      maxBytes: MAX_ANSWER_BYTES,
      headers: {
        "authorization": `Bearer ${token}`,
        "content-type": PROTOBUF,
        "x-denokv-database-id": databaseId,
        "x-denokv-version": String(version),
      },
    });
  }

  #currentSession(): Session | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    return this.#session !== undefined && nowMs < this.#session.untilMs ? this.#session : undefined;
  }

  async #openSession(signal: AbortSignal): Promise<Session> {
    const { clock, readToken, url } = this.#options;
    const token = await untilAborted(readToken(), signal);
    this.#tokens = [token];
    const answer = await this.#exchange({
      url,
      body: JSON.stringify({ supportedVersions: KV_VERSIONS }),
      signal,
      maxBytes: MAX_WORDS_BYTES,
      headers: { "authorization": `Bearer ${token}`, "content-type": "application/json" },
    });
    if (answer.status !== 200) throw this.#statusFault(answer);
    if (/html/i.test(answer.type)) throw nonsenseFault(this.name, describeType(answer.type));
    const text = new TextDecoder().decode(answer.bytes);
    const asked = { name: this.name, url, token, nowMs: clock.nowMs() };
    const metadata = parseKvMetadata(text, asked);
    this.#tokens = [token, metadata.token];
    return this.#session = { ...metadata, untilMs: clock.monotonicMs() + metadata.lifetimeMs };
  }

  async #exchange({ body, headers, maxBytes, signal, url }: {
    readonly url: string;
    readonly body: Uint8Array<ArrayBuffer> | string;
    readonly headers: Record<string, string>;
    readonly maxBytes: number;
    readonly signal: AbortSignal;
  }): Promise<Answer> {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "user-agent": this.#options.userAgent },
      body,
      client: this.#client ??= this.#createClient(),
      redirect: "manual",
      signal,
    });
    const { headers: answered, status } = response;
    const bytes = await readAnswer(response, status === 200 ? maxBytes : MAX_WORDS_BYTES);
    if (bytes === undefined && status === 200) {
      throw nonsenseFault(this.name, "answers more than was asked for, without an end");
    }
    return {
      status,
      bytes: bytes ?? new Uint8Array(),
      location: answered.get("location"),
      type: answered.get("content-type") ?? "",
    };
  }

  /** A token that cannot be read is waited for like a server that does not take it. */
  #toStateFault(fault: Fault): Fault {
    if (fault.kind === "state") return fault;
    return new Fault("state", `${this.name} cannot be asked: ${fault.text}`, { lasting: true });
  }

  #statusFault({ bytes, location, status, type }: Answer): Fault {
    const text = /html/i.test(type) ? "" : new TextDecoder().decode(bytes);
    return statusFault(this.name, { status, location, text, tokens: this.#tokens });
  }

  #createClient(): Deno.HttpClient {
    return Deno.createHttpClient({
      caCerts: [...this.#options.caCerts ?? []],
      poolIdleTimeout: IDLE_MS,
    });
  }

  #discardClient(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  [Symbol.dispose](): void {
    this.#discardClient();
  }
}

function describeType(type: string): string {
  return /html/i.test(type)
    ? "answers like a web server, with HTML"
    : "answers what is no message of KV Connect";
}

/** The first key after another one. */
function keyAfter(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function fromHex(text: string): Uint8Array {
  return Buffer.from(text, "hex");
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
