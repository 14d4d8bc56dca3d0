import { decodeKvValue, type KvEntry } from "./kv_connection.ts";

/** What a replica says of itself with each renewal of its lease. */
export interface ReplicaNote {
  /** As people call it; two replicas may have the same. */
  readonly name: string;
  /** Renewals so far. */
  readonly beat: number;
  /** Streams that it forwards, besides the log. */
  readonly claims: number;
  /** When it began, as its own clock has it: for people alone. */
  readonly startedAt: string;
}

/** A replica as others see it. */
export interface SeenReplica extends ReplicaNote {
  readonly id: string;
  /** When its lease was last seen to change, on the monotonic clock here. */
  readonly changedAtMs: number;
}

interface Seen {
  readonly replica: SeenReplica;
  readonly entry: KvEntry;
}

/**
 * Says which replicas are alive by one thing alone: whether their leases changed while it watched. No
 * time that another machine wrote is looked at, so that it does not matter what their clocks say.
 */
export class ReplicaWatch {
  readonly #durationMs: number;
  #seen = new Map<string, Seen>();

  /** `durationMs` is how long a lease may stay unchanged. */
  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  /** Takes the leases that were read just now, at a time of the monotonic clock after the answer. */
  observe(entries: readonly KvEntry[], nowMs: number): void {
    const seen = new Map<string, Seen>();
    for (const entry of entries) {
      const id = entry.key.at(-1)!;
      const before = this.#seen.get(id);
      if (before !== undefined && before.entry.version === entry.version) seen.set(id, before);
      else seen.set(id, { entry, replica: { ...readNote(entry), id, changedAtMs: nowMs } });
    }
    this.#seen = seen;
  }

  /** Everybody whose lease is there. */
  get replicas(): readonly SeenReplica[] {
    return [...this.#seen.values()].map(({ replica }) => replica);
  }

  /** Leases that were unchanged for too long at a time: that of their last reading, at the latest. */
  expiredAt(askedAtMs: number): readonly KvEntry[] {
    return [...this.#seen.values()]
      .filter(({ replica }) => askedAtMs - replica.changedAtMs >= this.#durationMs)
      .map(({ entry }) => entry);
  }

  /** When the next lease expires unless it changes; undefined when nobody is there. */
  get nextExpiryMs(): number | undefined {
    const times = this.replicas.map(({ changedAtMs }) => changedAtMs + this.#durationMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }
}

/** What cannot be read was written by another version: it is a lease nevertheless. */
function readNote({ key, value }: KvEntry): ReplicaNote {
  const unknown = { name: key.at(-1)!, beat: 0, claims: 0, startedAt: "" };
  try {
    const { beat, claims, name, startedAt } = decodeKvValue(value!) as Partial<ReplicaNote>;
    return {
      name: typeof name === "string" ? name : unknown.name,
      beat: typeof beat === "number" ? beat : 0,
      claims: typeof claims === "number" ? claims : 0,
      startedAt: typeof startedAt === "string" ? startedAt : "",
    };
  } catch {
    return unknown;
  }
}
