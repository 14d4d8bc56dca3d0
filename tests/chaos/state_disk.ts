import { TestProcess } from "../support/process.ts";

/** A small disk for the state of the handler, which can be full or read-only. */
export class StateDisk implements AsyncDisposable {
  readonly path: string;
  #isMounted = true;

  private constructor(path: string) {
    this.path = path;
  }

  /** Mounts a tmpfs of 8 MiB on the folder; undefined where that is not allowed. */
  static async mount(path: string): Promise<StateDisk | undefined> {
    await Deno.mkdir(path, { recursive: true });
    const isMounted = await run("mount", ["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", path]);
    return isMounted ? new StateDisk(path) : undefined;
  }

  /** Fills the disk to the last byte. */
  async fill(): Promise<void> {
    const options = { write: true, create: true, append: true };
    using file = await Deno.open(this.#ballast, options).catch(() => undefined);
    // It is read-only already.
    if (file === undefined) return;
    for (const bytes of [new Uint8Array(65_536), new Uint8Array(512), new Uint8Array(1)]) {
      try {
        while (true) await file.write(bytes);
      } catch {
        // No more of this size fits.
      }
    }
  }

  /** Makes room again. */
  async free(): Promise<void> {
    await Deno.remove(this.#ballast).catch(() => {});
  }

  /** Makes the disk read-only or writable. Nothing may have a file of it open for writing. */
  async setReadOnly(isReadOnly: boolean): Promise<void> {
    const options = `remount,${isReadOnly ? "ro" : "rw"}`;
    if (!await run("mount", ["-o", options, this.path])) {
      throw new Error(`Cannot mount ${this.path} again with ${options}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    // Whatever was killed a moment ago may still be on its way out.
    await run("umount", ["--lazy", this.path]);
  }

  get #ballast(): string {
    return `${this.path}/ballast`;
  }
}

async function run(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await using process = new TestProcess({ command, args });
    return (await process.exit).code === 0;
  } catch {
    return false;
  }
}
