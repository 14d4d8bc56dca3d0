import { Fault, formatError } from "../core/fault.ts";
import { isMissing } from "./is_missing.ts";
import {
  describeRepeat,
  type QuarantineEntries,
  type QuarantineSize,
} from "./quarantine_entries.ts";
import { QuarantineEntry } from "./quarantine_line.ts";
import { refuseLink } from "./storage_folder.ts";

/** The file that lines are added to. */
export const OPEN_FILE = "events.jsonl";
/** What takes the place of a file from which lines were taken out; of no use when it is found. */
const NEXT_FILE = `${OPEN_FILE}.new`;
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
    await this.#refuseLinks();
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
        if (isFile && isOwnName(name)) names.push(name);
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
    await this.#refuseLinks();
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
   * As `QuarantineEntries` says. A file is written anew when its last line was looked at, under another
   * name that it then trades for its own. Before anything is sent, that file is on the disk with all
   * lines: fewer will find room.
   *
   * @throws {Fault} of kind `state`, and what `send` throws.
   */
  async takeOut(
    isMeant: (entry: QuarantineEntry) => boolean,
    send?: (entry: QuarantineEntry) => Promise<boolean> | boolean,
  ): Promise<void> {
    await this.#refuseLinks();
    for (const { path } of await this.listFiles()) {
      const file = await this.#readFile(path);
      if (file === undefined) continue;
      const entries = [...splitLines(file.bytes)];
      const meant = entries.filter(isMeant);
      if (meant.length === 0) continue;
      await this.#discardNext();
      if (send !== undefined) await this.#reserveNext(path, entries);
      const done = new Set<QuarantineEntry>();
      try {
        for (const entry of meant) if (send === undefined || await send(entry)) done.add(entry);
      } finally {
        const kept = entries.filter((entry) => !done.has(entry));
        try {
          if (done.size > 0) await this.#replace(path, kept, send && done.size);
        } finally {
          await this.#discardNext();
        }
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

  async #reserveNext(path: string, entries: readonly QuarantineEntry[]): Promise<void> {
    try {
      await this.#writeNext(entries, { isNew: true });
    } catch (error) {
      await this.#discardNext();
      throw this.#cannotTakeOut(path, error, 0);
    }
  }

  async #replace(
    path: string,
    entries: readonly QuarantineEntry[],
    sent: number | undefined,
  ): Promise<void> {
    try {
      if (entries.length === 0) {
        await Deno.remove(path);
      } else {
        await this.#writeNext(entries, { isNew: sent === undefined });
        await Deno.rename(this.#nextPath, path);
      }
      await this.sync();
    } catch (error) {
      throw this.#cannotTakeOut(path, error, sent);
    }
  }

  /** Writes over what is there, whose room it then has. */
  async #writeNext(
    entries: readonly QuarantineEntry[],
    { isNew }: { readonly isNew: boolean },
  ): Promise<void> {
    using file = await Deno.open(this.#nextPath, {
      write: true,
      create: true,
      createNew: isNew,
      mode: 0o600,
    });
    const bytes = joinLines(entries);
    await writeAll(file, [bytes]);
    await file.truncate(bytes.length);
    await file.sync();
  }

  /** A run that was killed may have left one. What cannot be removed is told of when it is in the way. */
  async #discardNext(): Promise<void> {
    await Deno.remove(this.#nextPath).catch(() => {});
  }

  get #nextPath(): string {
    return `${this.path}/${NEXT_FILE}`;
  }

  /** Reading would follow them, and listing would not. */
  async #refuseLinks(): Promise<void> {
    await refuseLink(this.path);
    try {
      for await (const { isSymlink, name } of Deno.readDir(this.path)) {
        if (isSymlink && isOwnName(name)) await refuseLink(`${this.path}/${name}`);
      }
    } catch (error) {
      if (error instanceof Fault) throw error;
      if (!isMissing(error)) throw this.#cannotRead(error);
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

  /** `sent` is how many of its lines were; undefined where nothing was to be sent. */
  #cannotTakeOut(path: string, error: unknown, sent: number | undefined): Fault {
    const what = sent === 0 ? "Nothing of it was sent" : "Nothing of it is lost";
    return new Fault(
      "state",
      `Cannot take lines out of the quarantine '${path}': ${formatError(error)}`,
      {
        hint: sent
          ? `Make room or check the owner. ${describeRepeat(sent)}`
          : `${what}; make room or check the owner, and try again`,
      },
    );
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

function isOwnName(name: string): boolean {
  return name === OPEN_FILE || FULL_FILE.test(name);
}

function numberOf(name: string): number {
  return name === OPEN_FILE ? Infinity : Number(FULL_FILE.exec(name)?.[1]);
}

function joinLines(entries: readonly QuarantineEntry[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(entries.reduce((sum, { line }) => sum + line.length + 1, 0));
  let at = 0;
  for (const { line } of entries) {
    joined.set(line, at);
    at += line.length;
    joined[at++] = NEWLINE;
  }
  return joined;
}

function* splitLines(bytes: Uint8Array<ArrayBuffer>): Generator<QuarantineEntry> {
  for (let at = 0; at < bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline === -1 ? bytes.length : newline;
    if (end > at) yield new QuarantineEntry(bytes.subarray(at, end));
    at = end + 1;
  }
}
