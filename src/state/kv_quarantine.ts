import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { AuditEvent } from "../core/event.ts";
import type { Quarantine, RejectedEvent } from "../pipeline/ports.ts";
import {
  decodeKvValue,
  encodeKvValue,
  keysBelow,
  KV_LIMITS,
  type KvConnection,
  type KvEntry,
  type KvKey,
} from "./kv_connection.ts";
import {
  describeRepeat,
  fullQuarantineFault,
  type QuarantineEntries,
  type QuarantineSize,
} from "./quarantine_entries.ts";
import { formatQuarantineLine, QuarantineEntry } from "./quarantine_line.ts";

/** Which quarantine, and how much it may hold. */
export interface KvQuarantineOptions {
  readonly connection: KvConnection;
  /** What it is called in messages: the URL of the server. */
  readonly place: string;
  /** Most that all entries together may hold; nothing is limited for who only looks. */
  readonly maxBytes?: number;
  readonly clock: Clock;
}

/** An entry on its way into the quarantine. */
interface Line {
  readonly id: string;
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

/** Values of the largest size that go into one write, and are read in one go. */
const PARTS_AT_ONCE = 8;
/** Others write to the quarantine too; each time one of them was first it is tried again. */
const MAX_RACES = 100;

/**
 * Rejected events in a database of keys and values, for all handlers that share it: entries come and go
 * while they run. A line that is longer than a value may be is cut; its first part is written last, so
 * that an entry is there whole or not at all. What all of it holds is counted in the same write.
 */
export class KvQuarantine implements Quarantine, QuarantineEntries {
  readonly #options: KvQuarantineOptions;
  /** Lines whose write failed: tried again they are the same, and not there twice. */
  readonly #lines = new WeakMap<AuditEvent, Line>();
  #lastMs = 0;
  #count = 0;

  constructor(options: KvQuarantineOptions) {
    this.#options = options;
  }

  get place(): string {
    return this.#options.place;
  }

  /** @throws {Fault} of kind `state`. */
  async put(rejected: RejectedEvent): Promise<void> {
    const { db } = this.#options.connection;
    const line = this.#lines.get(rejected.event) ?? this.#cutLine(rejected);
    this.#lines.set(rejected.event, line);
    const [first, ...more] = line.parts;
    this.#refuseFull(await this.measure(), line.bytes);
    for (let at = 0; at < more.length; at += PARTS_AT_ONCE) {
      const parts = more.slice(at, at + PARTS_AT_ONCE);
      await db.write({
        set: parts.map((value, i) => ({ key: this.#partKey(line.id, at + i), value })),
      });
    }
    const key = this.#key("entry", line.id);
    await this.#change(async (size) => {
      const [stored] = await db.read([key]);
      // An earlier try has come through.
      if (stored!.value !== undefined) return undefined;
      this.#refuseFull(size, line.bytes);
      return {
        size: { count: size.count + 1, bytes: size.bytes + line.bytes },
        set: [{ key, value: first! }],
      };
    });
  }

  async measure(): Promise<QuarantineSize> {
    return (await this.#readSize()).size;
  }

  async *read(): AsyncGenerator<QuarantineEntry> {
    for await (const { entry } of this.#readAll()) yield entry;
  }

  /** @throws {Fault} of kind `state`, and what `send` throws. */
  async takeOut(
    isMeant: (entry: QuarantineEntry) => boolean,
    send?: (entry: QuarantineEntry) => Promise<boolean> | boolean,
  ): Promise<void> {
    let isWritable = false;
    for await (const { entry, stored } of this.#readAll()) {
      if (!isMeant(entry)) continue;
      if (send !== undefined) {
        // What is written is what was there: the server takes writes.
        if (!isWritable) await this.#change((size) => Promise.resolve({ size }));
        isWritable = true;
        if (!await send(entry)) continue;
      }
      try {
        await this.#remove(stored, entry);
      } catch (error) {
        if (send === undefined) throw error;
        throw new Fault(
          "state",
          `Cannot take an event out of the quarantine '${this.place}': ${formatError(error)}`,
          { hint: describeRepeat(1) },
        );
      }
    }
  }

  async #remove(stored: KvEntry, entry: QuarantineEntry): Promise<void> {
    const { db } = this.#options.connection;
    const id = stored.key.at(-1)!;
    const bytes = entry.line.length + 1;
    const remove = [stored.key];
    for (let part = 0; part < countMore(id); part++) remove.push(this.#partKey(id, part));
    await this.#change(async (size) => {
      const [now] = await db.read([stored.key]);
      // Somebody else has taken it out.
      if (now!.value === undefined) return undefined;
      const left = { count: Math.max(0, size.count - 1), bytes: Math.max(0, size.bytes - bytes) };
      return { size: left, remove };
    });
  }

  async *#readAll() {
    const { db } = this.#options.connection;
    const range = { ...keysBelow(this.#key("entry")), batchSize: PARTS_AT_ONCE };
    for await (const stored of db.list(range)) {
      const parts = [stored.value];
      const id = stored.key.at(-1)!;
      if (countMore(id) > 0) {
        const more = { ...keysBelow(this.#key("more", id)), batchSize: PARTS_AT_ONCE };
        for await (const { value } of db.list(more)) parts.push(value);
      }
      yield { stored, entry: new QuarantineEntry(join(parts)) };
    }
  }

  /** Changes entries and the count of them in one write, as often as others come in between. */
  async #change(
    decide: (size: QuarantineSize) => Promise<
      {
        readonly size: QuarantineSize;
        readonly set?: readonly { readonly key: KvKey; readonly value: Uint8Array }[];
        readonly remove?: readonly KvKey[];
      } | undefined
    >,
  ): Promise<void> {
    const { db } = this.#options.connection;
    for (let race = 0; race < MAX_RACES; race++) {
      const { entry, size } = await this.#readSize();
      const change = await decide(size);
      if (change === undefined) return;
      const { remove = [], set = [] } = change;
      // No two of these writes are alike, so that none is taken for that of another which came first.
      const value = encodeKvValue({ ...change.size, write: crypto.randomUUID() });
      const counted = { key: entry.key, value };
      const version = await db.write({ checks: [entry], set: [...set, counted], remove });
      if (version !== undefined) return;
    }
    throw new Fault("state", `The quarantine '${this.place}' is written to by too many at once`, {
      hint: "It is tried again",
    });
  }

  async #readSize(): Promise<{ readonly entry: KvEntry; readonly size: QuarantineSize }> {
    const [entry] = await this.#options.connection.db.read([this.#key("size")]);
    const { value } = entry!;
    if (value === undefined) return { entry: entry!, size: { count: 0, bytes: 0 } };
    try {
      const { bytes, count } = decodeKvValue(value) as QuarantineSize;
      return { entry: entry!, size: { count: Number(count), bytes: Number(bytes) } };
    } catch {
      throw new Fault("state", `The size of the quarantine '${this.place}' cannot be read`);
    }
  }

  /** What is empty takes one event of any size, or none ever could be taken. */
  #refuseFull(size: QuarantineSize, bytes: number): void {
    const { maxBytes = Infinity } = this.#options;
    if (size.bytes === 0 || size.bytes + bytes <= maxBytes) return;
    throw fullQuarantineFault(this.place, { bytes: size.bytes, maxBytes, before: "" });
  }

  #cutLine(rejected: RejectedEvent): Line {
    const nowMs = this.#options.clock.nowMs();
    const whole = formatQuarantineLine(rejected, nowMs);
    const line = whole.subarray(0, -1);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < line.length; at += KV_LIMITS.valueBytes) {
      parts.push(line.subarray(at, at + KV_LIMITS.valueBytes));
    }
    const hash = createHash("sha256").update(line).digest("hex").slice(0, 16);
    // In the order of their coming, also within a millisecond and when the clock jumps back.
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    const time = String(this.#lastMs).padStart(16, "0");
    const count = String(this.#count++).padStart(9, "0");
    return { id: `${time}-${count}-${hash}-${parts.length - 1}`, parts, bytes: whole.length };
  }

  #partKey(id: string, part: number): KvKey {
    return this.#key("more", id, String(part).padStart(6, "0"));
  }

  #key(...parts: readonly string[]): KvKey {
    return [...this.#options.connection.prefix, "quarantine", ...parts];
  }
}

/** Parts of a line besides the first. */
function countMore(id: string): number {
  return Number(id.split("-").at(-1)) || 0;
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
