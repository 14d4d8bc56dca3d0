import { Fault, formatError } from "../core/fault.ts";
import type { KvDatabase, KvEntry, KvKey, KvRange, KvStored, KvWrite } from "./kv_connection.ts";
import { prepareStateFile } from "./state_file.ts";

/** Keys that are read in one go. */
const READ_KEYS = 10;

/** What the database's words mean (SQLite's messages, as Deno KV passes them on). */
const CAUSES: readonly {
  readonly pattern: RegExp;
  readonly message: string;
  readonly hint: string;
}[] = [
  {
    pattern: /not a database|malformed|shorter than a page/,
    message: "is damaged or is not a state file",
    hint: "Move it away, together with its -wal and -shm, and start with --cursor and the id of " +
      "the last event in Fluentd, or with --start-time",
  },
  {
    pattern: /disk is full|disk I\/O error|No space left/,
    message: "cannot be written because the disk is full or failing",
    hint: "Make room; nothing is lost meanwhile",
  },
  {
    pattern:
      /readonly|read-only|unable to open|denied|not permitted|(is|not) a directory|no such file/i,
    message: "cannot be opened for writing",
    hint: "Check the owner and the mode of the storage folder",
  },
  {
    pattern: /locked/,
    message: "is locked by another process",
    hint: "Only one handler may use a storage folder",
  },
  {
    pattern: /could not deserialize|version/i,
    message: "was written by an incompatible version",
    hint: "Use that version, or start with a new storage",
  },
];

/**
 * A Deno KV database in a file of this machine. What is written is on the disk when a call returns; no
 * call needs a limit.
 */
export class KvFile implements KvDatabase {
  readonly name: string;
  readonly #kv: Deno.Kv;

  /** Wraps a database that is open already; use `open`. */
  constructor(kv: Deno.Kv, path: string) {
    this.#kv = kv;
    this.name = nameOf(path);
  }

  /** Opens the database in the file `path`, or makes it. @throws {Fault} of kind `state`. */
  static async open(path: string): Promise<KvFile> {
    try {
      // ":memory:" is no file.
      if (!path.startsWith(":")) await prepareStateFile(path);
      return new KvFile(await Deno.openKv(path), path);
    } catch (error) {
      throw toStateFault(nameOf(path), error);
    }
  }

  async read(keys: readonly KvKey[]): Promise<readonly KvEntry[]> {
    const entries: KvEntry[] = [];
    for (let first = 0; first < keys.length; first += READ_KEYS) {
      const some = keys.slice(first, first + READ_KEYS) as string[][];
      const found = await this.#attempt(() => this.#kv.getMany<Uint8Array[]>(some));
      found.forEach(({ value, versionstamp }, i) =>
        entries.push({
          key: some[i]!,
          value: value ?? undefined,
          version: versionstamp ?? undefined,
        })
      );
    }
    return entries;
  }

  async *list({ batchSize = 500, end, reverse = false, start }: KvRange) {
    const selector = { start: start as string[], end: end as string[] };
    const entries = this.#kv.list<Uint8Array>(selector, { batchSize, reverse });
    while (true) {
      const { done, value: entry } = await this.#attempt(() => entries.next());
      if (done) return;
      const { key, value, versionstamp: version } = entry;
      yield { key: key as string[], value, version };
    }
  }

  async readFirst(ranges: readonly KvRange[]): Promise<readonly (readonly KvStored[])[]> {
    return await Promise.all(
      ranges.map(async ({ batchSize = 500, end, reverse = false, start }) => {
        const selector = { start: start as string[], end: end as string[] };
        const entries = this.#kv.list<Uint8Array>(selector, { limit: batchSize, reverse });
        const found = await this.#attempt(() => Array.fromAsync(entries));
        return found.map(({ key, value, versionstamp: version }) => ({
          key: key as string[],
          value,
          version,
        }));
      }),
    );
  }

  async write({ checks, remove, set }: KvWrite): Promise<string | undefined> {
    const atomic = this.#kv.atomic();
    for (const { key, version } of checks ?? []) {
      atomic.check({ key: key as string[], versionstamp: version ?? null });
    }
    for (const { key, value } of set ?? []) atomic.set(key as string[], value);
    for (const key of remove ?? []) atomic.delete(key as string[]);
    const result = await this.#attempt(() => atomic.commit());
    return result.ok ? result.versionstamp : undefined;
  }

  async #attempt<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw toStateFault(this.name, error);
    }
  }

  [Symbol.dispose](): void {
    this.#kv.close();
  }
}

function nameOf(path: string): string {
  return `State file '${path}'`;
}

function toStateFault(name: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const text = formatError(error);
  const known = CAUSES.find((row) => row.pattern.test(text));
  if (known === undefined) return new Fault("state", `${name} failed: ${text}`, { cause: error });
  return new Fault("state", `${name} ${known.message} (${text})`, {
    hint: known.hint,
    cause: error,
  });
}
