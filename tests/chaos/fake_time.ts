/** Makes the clock of a process jump while it runs, by Debian's libfaketime. */

const LIBRARIES = [
  "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
  "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
];

/** See the head of this file. */
export class FakeTime {
  readonly #path: string;
  readonly #library: string;
  #jumps = 0;

  private constructor(path: string, library: string) {
    this.#path = path;
    this.#library = library;
  }

  /** Undefined where the library is not installed. */
  static async create(folder: string): Promise<FakeTime | undefined> {
    const library = await findLibrary();
    if (library === undefined) return undefined;
    const time = new FakeTime(`${folder}/faketime`, library);
    await time.jump(0);
    return time;
  }

  /** Whether the library is installed. */
  static async isInstalled(): Promise<boolean> {
    return await findLibrary() !== undefined;
  }

  /** What the process must find in its environment. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** Sets the clock so many minutes ahead of the real time, or behind it. */
  async jump(minutes: number): Promise<void> {
    // Two jumps may come at once, and each needs a file of its own.
    const path = `${this.#path}.${++this.#jumps}`;
    await Deno.writeTextFile(path, `${minutes < 0 ? "" : "+"}${minutes}m\n`);
    await Deno.rename(path, this.#path);
  }
}

async function findLibrary(): Promise<string | undefined> {
  for (const library of LIBRARIES) {
    if (await Deno.stat(library).catch(() => undefined) !== undefined) return library;
  }
  return undefined;
}
