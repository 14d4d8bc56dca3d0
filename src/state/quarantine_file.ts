import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { Quarantine, RejectedEvent } from "../pipeline/ports.ts";
import { fullQuarantineFault } from "./quarantine_entries.ts";
import { OPEN_FILE, QuarantineFolder, writeAll } from "./quarantine_folder.ts";
import { formatQuarantineLine } from "./quarantine_line.ts";

/** Where and how much. */
export interface QuarantineFileOptions {
  readonly folder: string;
  /** Most that all files together may hold. */
  readonly maxBytes: number;
  readonly clock: Clock;
  /** A file that would grow beyond it makes room for a new one. @default {16 MiB} */
  readonly maxFileBytes?: number;
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const NEWLINE = new Uint8Array([0x0a]);

/**
 * Rejected events as JSON lines, one an event, on the disk before `put` returns. What is full gets a
 * number in its name; when all of it together is full, nothing is taken any more until there is room.
 */
export class QuarantineFile implements Quarantine {
  readonly #options: QuarantineFileOptions;
  readonly #folder: QuarantineFolder;
  #tail: Promise<void> = Promise.resolve();
  /** Bytes in all files; undefined when they must be counted. */
  #bytes: number | undefined;

  constructor(options: QuarantineFileOptions) {
    this.#options = options;
    this.#folder = new QuarantineFolder(options.folder);
  }

  /** Where the next line goes. */
  get path(): string {
    return `${this.#options.folder}/${OPEN_FILE}`;
  }

  /** @throws {Fault} of kind `state`. */
  put(rejected: RejectedEvent): Promise<void> {
    const line = formatQuarantineLine(rejected, this.#options.clock.nowMs());
    const written = this.#tail.then(() => this.#put(line));
    this.#tail = written.catch(() => {});
    return written;
  }

  async #put(line: Uint8Array): Promise<void> {
    try {
      await this.#reserve(line.length);
      await this.#append(line);
    } catch (error) {
      this.#bytes = undefined;
      if (error instanceof Fault) throw error;
      throw new Fault(
        "state",
        `Cannot write to the quarantine '${this.path}': ${formatError(error)}`,
        { hint: "The event is held back until there is room" },
      );
    }
  }

  /** Makes sure that there is room. What is empty takes one event of any size, or none ever could. */
  async #reserve(bytes: number): Promise<void> {
    const { folder, maxBytes } = this.#options;
    if (this.#bytes === undefined || this.#bytes + bytes > maxBytes) {
      // Somebody may have moved files away.
      const files = await this.#folder.listFiles();
      this.#bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    }
    if (this.#bytes > 0 && this.#bytes + bytes > maxBytes) {
      const bytes = this.#bytes;
      throw fullQuarantineFault(folder, { bytes, maxBytes, before: "stop and " });
    }
  }

  async #append(line: Uint8Array): Promise<void> {
    await Deno.mkdir(this.#options.folder, { recursive: true, mode: 0o700 });
    const size = await this.#sizeOfOpenFile();
    if (size > 0 && size + line.length > (this.#options.maxFileBytes ?? MAX_FILE_BYTES)) {
      await Deno.rename(this.path, await this.#folder.nextFullPath());
    }
    using file = await Deno.open(this.path, {
      read: true,
      write: true,
      create: true,
      mode: 0o600,
    });
    const end = await file.seek(0, Deno.SeekMode.End);
    const isWhole = end === 0 || await endsWithNewline(file);
    const parts = isWhole ? [line] : [NEWLINE, line];
    try {
      await writeAll(file, parts);
      await file.sync();
      // A new file is on the disk when its name is.
      if (end === 0) await this.#folder.sync();
    } catch (error) {
      // A disk that filled up half-way leaves no half line behind.
      await file.truncate(end).catch(() => {});
      throw error;
    }
    this.#bytes = (this.#bytes ?? 0) + line.length;
  }

  async #sizeOfOpenFile(): Promise<number> {
    try {
      return (await Deno.stat(this.path)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return 0;
      throw error;
    }
  }
}

/** A crash in the middle of a line leaves one without an end; the next must not be glued to it. */
async function endsWithNewline(file: Deno.FsFile): Promise<boolean> {
  await file.seek(-1, Deno.SeekMode.End);
  const last = new Uint8Array(1);
  await file.read(last);
  return last[0] === NEWLINE[0];
}
