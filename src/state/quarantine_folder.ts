import { Fault, formatError } from "../core/fault.ts";
import type { QuarantineEntries, QuarantineSize } from "./quarantine_entries.ts";
import { QuarantineEntry } from "./quarantine_line.ts";

/** The file that lines are added to. */
export const OPEN_FILE = "events.jsonl";
/** Files that are full: the number counts up, so that their names are in the order of their age. */
const FULL_FILE = /^events-(\d{6,})\.jsonl$/;
const NEWLINE = 0x0a;

/** A file of the quarantine. */
export interface QuarantineFileFacts {
  readonly path: string;
  readonly bytes: number;
}

/**
 * The files of a quarantine, to look at or to take lines out of: the full ones, oldest first, and then
 * the open one. A folder that is not there is an empty quarantine. Changes are for who holds the lock
 * of the storage folder; reading may go on beside a handler that writes.
 */
export class QuarantineFolder implements QuarantineEntries {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get place(): string {
    return this.path;
  }

  async measure(): Promise<QuarantineSize> {
    let [count, bytes] = [0, 0];
    for (const file of await this.listFiles()) {
      count += await this.#countLines(file.path);
      bytes += file.bytes;
    }
    return { count, bytes };
  }

  /** @throws {Fault} of kind `state`. */
  async listFiles(): Promise<readonly QuarantineFileFacts[]> {
    try {
      const names: string[] = [];
      for await (const { isFile, name } of Deno.readDir(this.path)) {
        if (isFile && (name === OPEN_FILE || FULL_FILE.test(name))) names.push(name);
      }
      names.sort((a, b) => numberOf(a) - numberOf(b));
      const files: QuarantineFileFacts[] = [];
      for (const name of names) {
        const path = `${this.path}/${name}`;
        const { size } = await Deno.stat(path);
        files.push({ path, bytes: size });
      }
      return files;
    } catch (error) {
      if (isMissing(error)) return [];
      throw this.#cannotRead(error);
    }
  }

  /** All lines, oldest first, one file in memory at a time. @throws {Fault} of kind `state`. */
  async *read(): AsyncGenerator<QuarantineEntry> {
    // Before the others are listed: a handler may be about to give it its number.
    const open = await this.#readFile(`${this.path}/${OPEN_FILE}`);
    for (const { path } of await this.listFiles()) {
      if (path.endsWith(`/${OPEN_FILE}`)) continue;
      const full = await this.#readFile(path);
      const isOpen = full !== undefined && full.inode !== null && full.inode === open?.inode;
      if (full !== undefined && !isOpen) yield* splitLines(full.bytes);
    }
    if (open !== undefined) yield* splitLines(open.bytes);
  }

  /**
   * Goes through all lines, oldest first, and takes out those for which `isDone` resolves with true. A
   * file is written anew when its last line was looked at, under another name that it then trades for
   * its own: whenever the process ends, each line is still there or was taken out. When `isDone`
   * throws, what it said yes to before is taken out all the same.
   *
   * @throws {Fault} of kind `state`, and what `isDone` throws.
   */
  async takeOut(isDone: (entry: QuarantineEntry) => Promise<boolean> | boolean): Promise<void> {
    for (const { path } of await this.listFiles()) {
      const file = await this.#readFile(path);
      if (file === undefined) continue;
      const entries = [...splitLines(file.bytes)];
      const kept: QuarantineEntry[] = [];
      let looked = 0;
      try {
        for (const entry of entries) {
          if (!await isDone(entry)) kept.push(entry);
          looked++;
        }
      } finally {
        kept.push(...entries.slice(looked));
        if (kept.length < entries.length) await this.#replace(path, kept);
      }
    }
  }

  /** The name for the open file when it is full. */
  async nextFullPath(): Promise<string> {
    const numbers = (await this.listFiles()).map(({ path }) => numberOf(path.split("/").at(-1)!));
    const next = Math.max(0, ...numbers.filter(Number.isFinite)) + 1;
    return `${this.path}/events-${String(next).padStart(6, "0")}.jsonl`;
  }

  /** Makes new and lost names of files survive a loss of power. */
  async sync(): Promise<void> {
    // Windows opens no folder, and keeps its names in a journal.
    if (Deno.build.os === "windows") return;
    using folder = await Deno.open(this.path);
    await folder.sync();
  }

  async #replace(path: string, entries: readonly QuarantineEntry[]): Promise<void> {
    try {
      if (entries.length === 0) {
        await Deno.remove(path);
      } else {
        const next = `${path}.new`;
        {
          using file = await Deno.open(next, {
            write: true,
            create: true,
            truncate: true,
            mode: 0o600,
          });
          for (const { line } of entries) await writeAll(file, [line, new Uint8Array([NEWLINE])]);
          await file.sync();
        }
        await Deno.rename(next, path);
      }
      await this.sync();
    } catch (error) {
      throw new Fault(
        "state",
        `Cannot take lines out of the quarantine '${path}': ${formatError(error)}`,
        { hint: "Nothing of it is lost; make room or check the owner, and try again" },
      );
    }
  }

  async #countLines(path: string): Promise<number> {
    try {
      using file = await Deno.open(path);
      let [count, last] = [0, NEWLINE];
      for await (const chunk of file.readable) {
        for (const byte of chunk) if (byte === NEWLINE) count++;
        last = chunk.at(-1) ?? last;
      }
      return last === NEWLINE ? count : count + 1;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw this.#cannotRead(error);
    }
  }

  async #readFile(path: string) {
    try {
      using file = await Deno.open(path);
      const { ino, size } = await file.stat();
      const bytes = new Uint8Array(size);
      let length = 0;
      while (length < size) {
        const count = await file.read(bytes.subarray(length));
        if (count === null) break;
        length += count;
      }
      return { inode: ino, bytes: bytes.subarray(0, length) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.#cannotRead(error);
    }
  }

  #cannotRead(error: unknown): Fault {
    return new Fault("state", `Cannot read the quarantine '${this.path}': ${formatError(error)}`, {
      hint: "Run this as the user of the handler",
    });
  }
}

/** Writes all of the parts, one after the other. */
export async function writeAll(
  file: Deno.FsFile,
  parts: readonly Uint8Array[],
): Promise<void> {
  for (const bytes of parts) {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

function numberOf(name: string): number {
  return name === OPEN_FILE ? Infinity : Number(FULL_FILE.exec(name)?.[1]);
}

function* splitLines(bytes: Uint8Array<ArrayBuffer>): Generator<QuarantineEntry> {
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline === -1 ? bytes.length : newline;
    if (end > at) yield new QuarantineEntry(bytes.subarray(at, end));
    at = end + 1;
  }
}
