import { Fault, formatError } from "../core/fault.ts";

/**
 * The right to be the only handler that writes to a storage folder. It is held by a lock on a file,
 * which the system releases when the process ends, however it ends.
 */
export class StorageLock implements Disposable {
  readonly #file: Deno.FsFile;

  /** Wraps a file that is locked already; use `acquire`. */
  constructor(lockedFile: Deno.FsFile) {
    this.#file = lockedFile;
  }

  /**
   * Takes the lock of a folder; `hint` says what to do when another process has it.
   *
   * @throws {Fault} of kind `state` when another process holds it (the message names its pid) or the
   * folder cannot be written to.
   */
  static async acquire(
    folder: string,
    pid: number,
    hint = "Stop that one first, or give this one a storage of its own",
  ): Promise<StorageLock> {
    const path = `${folder}/lock`;
    let file: Deno.FsFile | undefined;
    try {
      file = await Deno.open(path, { read: true, write: true, create: true, mode: 0o600 });
      if (await file.tryLock(true)) {
        await file.truncate();
        await file.write(new TextEncoder().encode(`${pid}\n`));
        return new StorageLock(file);
      }
    } catch (error) {
      file?.close();
      throw new Fault(
        "state",
        `Cannot write to the storage folder '${folder}': ${formatError(error)}`,
        {
          hint: "storage must name a folder that this user may write to, on a disk that has room",
        },
      );
    }
    file.close();
    const holder = (await Deno.readTextFile(path).catch(() => "")).trim();
    const who = /^\d+$/.test(holder) ? `the handler with pid ${holder}` : "another handler";
    throw new Fault("state", `Storage folder '${folder}' is in use by ${who}`, { hint });
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
