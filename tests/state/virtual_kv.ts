import { Fault } from "../../src/core/fault.ts";
import type {
  KvCall,
  KvDatabase,
  KvEntry,
  KvKey,
  KvRange,
  KvStored,
  KvWrite,
} from "../../src/state/kv_connection.ts";
import type { VirtualMachine, VirtualTime } from "./virtual_time.ts";

/** How the network between a machine and the store is at the moment. */
export type Network = "good" | "slow" | "deaf" | "mute" | "cut";

const LIMIT_MS = 5000;

/** A key as a text that sorts as keys do. */
const textOf = (key: KvKey) => key.join("\0");

/** A store that all machines of a {@linkcode VirtualTime} share. */
export class VirtualKvServer {
  readonly #entries = new Map<string, { key: KvKey; value: Uint8Array; version: string }>();
  #version = 0;
  /** Told of each write, at the moment at which it is made. */
  onWritten: (write: KvWrite) => void = () => {};
  isDown = false;

  read(keys: readonly KvKey[]): KvEntry[] {
    return keys.map((key) => {
      const { value, version } = this.#entries.get(textOf(key)) ?? {};
      return { key, value, version };
    });
  }

  list({ end, start }: KvRange): KvStored[] {
    return [...this.#entries.entries()]
      .filter(([text]) => text >= textOf(start) && text < textOf(end))
      .sort(([a], [b]) => a < b ? -1 : 1)
      .map(([, entry]) => entry);
  }

  write(write: KvWrite): string | undefined {
    const { checks = [], remove = [], set = [] } = write;
    if (checks.length > 10) throw new Error("A server takes ten checks at most");
    for (const { key, version } of checks) {
      if (this.#entries.get(textOf(key))?.version !== version) return undefined;
    }
    const version = String(++this.#version).padStart(20, "0");
    for (const key of remove) this.#entries.delete(textOf(key));
    for (const { key, value } of set) this.#entries.set(textOf(key), { key, value, version });
    this.onWritten(write);
    return version;
  }
}

/**
 * One machine's connection to the store. A call may take its time, come late although it was given up,
 * or be done without an answer; calls overtake each other.
 */
export class VirtualKv implements KvDatabase {
  readonly name = "Virtual store";
  network: Network = "good";
  /** Calls that were made. */
  calls = 0;
  readonly #server: VirtualKvServer;
  readonly #world: {
    readonly time: VirtualTime;
    readonly machine: VirtualMachine;
    readonly random: () => number;
  };

  constructor(
    server: VirtualKvServer,
    world: {
      readonly time: VirtualTime;
      readonly machine: VirtualMachine;
      readonly random: () => number;
    },
  ) {
    this.#server = server;
    this.#world = world;
  }

  read(keys: readonly KvKey[], call?: KvCall): Promise<readonly KvEntry[]> {
    return this.#call(() => this.#server.read(keys), call);
  }

  async *list(range: KvRange, call?: KvCall): AsyncGenerator<KvStored> {
    yield* await this.#call(() => this.#server.list(range), call);
  }

  readFirst(ranges: readonly KvRange[], call?: KvCall): Promise<readonly (readonly KvStored[])[]> {
    const readOne = (range: KvRange) => this.#server.list(range).slice(0, range.batchSize ?? 500);
    return this.#call(() => ranges.map(readOne), call);
  }

  write(write: KvWrite, call?: KvCall): Promise<string | undefined> {
    return this.#call(() => this.#server.write(write), call);
  }

  [Symbol.dispose](): void {}

  /** The way there, the work, and the way back, each as the network has it when it begins. */
  async #call<T>(work: () => T, { limitMs = LIMIT_MS, signal }: KvCall = {}): Promise<T> {
    signal?.throwIfAborted();
    this.calls++;
    const { machine, time } = this.#world;
    const answered = Promise.withResolvers<T>();
    const fail = () => answered.reject(new Fault("state", "The store has not answered"));
    const cancel = time.after(limitMs, fail);
    const onAbort = () => answered.reject(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (this.network !== "cut" && this.network !== "deaf") {
      time.after(this.#delayMs(), () => {
        if (this.#server.isDown) return;
        let answer: T;
        try {
          answer = work();
        } catch (error) {
          return answered.reject(error);
        }
        if (this.network === "cut" || this.network === "mute") return;
        time.after(this.#delayMs(), () => answered.resolve(answer));
      });
    }
    try {
      return await answered.promise;
    } finally {
      cancel();
      signal?.removeEventListener("abort", onAbort);
      await machine.running();
    }
  }

  #delayMs(): number {
    const { random } = this.#world;
    // Some calls hang longer than a lease lasts, and are done then.
    return this.network === "slow" ? random() ** 3 * 30_000 : random() * 20;
  }
}
