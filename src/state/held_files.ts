import type { Clock } from "../core/clock.ts";
import { Fault } from "../core/fault.ts";
import { isMissing } from "./is_missing.ts";

/** What tells a file from every other one for as long as it is open. */
type FileIdentity = Pick<Deno.FileInfo, "dev" | "ino">;

/**
 * Files that are open in this process, and must stay where they are: what is written to a file that has
 * lost its name is lost with it, and a lock on it keeps nobody out. The system tells neither.
 */
export class HeldFiles {
  readonly #identities: ReadonlyMap<string, FileIdentity>;

  /** Takes the files for those that are open; use `hold`. */
  constructor(identities: ReadonlyMap<string, FileIdentity>) {
    this.#identities = identities;
  }

  /** Remembers which files are there now; all of them are open. @throws {Fault} of kind `replaced`. */
  static async hold(paths: readonly string[]): Promise<HeldFiles> {
    const identities = new Map<string, FileIdentity>();
    for (const path of paths) {
      const identity = await lookAt(path);
      if (identity === "gone") throw replacedFault(path, "is gone");
      // Where nothing can be seen now, there is nothing to compare with later.
      if (identity !== undefined) identities.set(path, identity);
    }
    return new HeldFiles(identities);
  }

  /**
   * Looks whether all of them are where they were. That one cannot be looked at just now says nothing.
   *
   * @throws {Fault} of kind `replaced`.
   */
  async check(): Promise<void> {
    const looks = [...this.#identities].map(async ([path, held]) =>
      [path, held, await lookAt(path)] as const
    );
    for (const [path, held, found] of await Promise.all(looks)) {
      if (found === undefined) continue;
      if (found === "gone") throw replacedFault(path, "is gone");
      if (found.dev === held.dev && found.ino === held.ino) continue;
      throw replacedFault(path, "is another file now");
    }
  }

  /** Does something with the files; that it worked counts only while they are where they were. */
  async within<T>(use: () => Promise<T>): Promise<T> {
    try {
      return await use();
    } finally {
      await this.check();
    }
  }

  /** Looks again and again until `signal` is aborted. @throws {Fault} of kind `replaced`. */
  async watch(
    { clock, pauseMs, signal }: {
      readonly clock: Clock;
      readonly pauseMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    while (!signal.aborted) {
      await this.check();
      await clock.sleep(pauseMs, signal).catch(() => {});
    }
  }
}

async function lookAt(path: string): Promise<FileIdentity | "gone" | undefined> {
  try {
    const { dev, ino } = await Deno.stat(path);
    return { dev, ino };
  } catch (error) {
    return isMissing(error) ? "gone" : undefined;
  }
}

function replacedFault(path: string, what: string): Fault {
  return new Fault("replaced", `Storage is not the one that was opened: '${path}' ${what}`, {
    hint: "It was deleted, moved or restored while this handler used it. Put back what was there " +
      "and start again, or start with --cursor and the id of the last event in Fluentd",
  });
}
