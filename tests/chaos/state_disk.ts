import { TestProcess } from "../support/process.ts";

/** What `mount` says to somebody who may not mount, and what is said where it is not there. */
const FORBIDDEN = /permission denied|superuser|not permitted|There is no mount/i;

/** A small disk for the state of the handler, which can be full or read-only. */
export class StateDisk implements AsyncDisposable {
  readonly path: string;
  #isMounted = true;
  #isFolderReadOnly = false;

  private constructor(path: string) {
    this.path = path;
  }

  /** Mounts a tmpfs of 8 MiB on the folder; undefined where that is not allowed. */
  static async mount(path: string): Promise<StateDisk | undefined> {
    await Deno.mkdir(path, { recursive: true });
    const said = await mount(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", path]);
    if (said === undefined) return new StateDisk(path);
    if (FORBIDDEN.test(said)) return undefined;
    throw new Error(`Cannot mount a tmpfs on ${path}: ${said}`);
  }

  /** Whether disks can be mounted here. */
  static async isAllowed(): Promise<boolean> {
    const folder = await Deno.makeTempDir();
    try {
      await using disk = await StateDisk.mount(folder);
      return disk !== undefined;
    } finally {
      await Deno.remove(folder);
    }
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
    await demand(["-o", `remount,${isReadOnly ? "ro" : "rw"}`, this.path]);
  }

  /** Makes the folder read-only by a second mount on it; files that are open do not notice. */
  async closeFolder(): Promise<void> {
    if (this.#isFolderReadOnly) return;
    this.#isFolderReadOnly = true;
    await demand(["--bind", this.path, this.path]);
    await demand(["-o", "remount,ro,bind", this.path]);
  }

  /** The other end of `closeFolder`. */
  async openFolder(): Promise<void> {
    if (!this.#isFolderReadOnly) return;
    this.#isFolderReadOnly = false;
    // What was opened meanwhile, for reading, may stay open.
    await run("umount", ["--lazy", this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    await this.openFolder();
    // Whatever was killed a moment ago may still be on its way out.
    await run("umount", ["--lazy", this.path]);
  }

  get #ballast(): string {
    return `${this.path}/ballast`;
  }
}

async function demand(args: readonly string[]): Promise<void> {
  const said = await mount(args);
  if (said !== undefined) throw new Error(`Cannot mount ${args.join(" ")}: ${said}`);
}

/** Undefined when it was done, and else what `mount` said. */
function mount(args: readonly string[]): Promise<string | undefined> {
  return run("mount", args);
}

async function run(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await using process = new TestProcess({ command, args, env: { LC_ALL: "C" } });
    const { code } = await process.exit;
    return code === 0 ? undefined : process.stderr.join(" ");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `There is no ${command}`;
    throw error;
  }
}
