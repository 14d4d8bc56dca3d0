import { Fault, formatError } from "../../core/fault.ts";
import { formatRfc3339 } from "../../core/rfc3339.ts";
import { GO_NAMES, type GoDate, type GoState } from "./go_state.ts";
import { formatGoMissing, formatGoSession } from "./parse_go_file.ts";

/** As that handler's: it may run as another user than this one. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;
/** No name that the Go handler looks for begins so. */
const TEMPORARY = ".writing-";

/**
 * Writes a state as the Go handler keeps it, in place of what it has there. Each file is replaced
 * whole, and in such an order that the Go handler would lose nothing had only some of them been
 * written: recordings before the position that passes them, and what is over last.
 *
 * @throws {Fault} of kind `state` when something cannot be written; the same call again mends it.
 */
export async function writeGoState(folder: string, state: GoState): Promise<void> {
  try {
    await new GoWriter(folder).write(state);
  } catch (error) {
    const problem = `Cannot write the Go handler's state to '${folder}': ${formatError(error)}`;
    throw new Fault("state", problem, {
      hint:
        "Make it writable, and do the same again; until then the Go handler would repeat events",
      cause: error,
    });
  }
}

class GoWriter {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async write(state: GoState): Promise<void> {
    await Deno.mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
    const before = new Set(await this.#list(""));
    await this.#writeSessions(state, before);
    for (const [date, content] of state.dates) await this.#writeDate(date, content);
    // A new id in an old window, or without its cursor, makes that handler repeat and nothing else.
    await this.#put(GO_NAMES.startTime, formatTime(state.startMs));
    await this.#put(GO_NAMES.cursor, state.cursor);
    await this.#put(GO_NAMES.id, state.id);
    await this.#put(GO_NAMES.windowTime, formatTime(state.windowMs));
    await this.#removeOldDates(state);
    await this.#removeOldSessions(state, before);
  }

  /** A recording stays a missing one where it was: older versions do not know such files. */
  async #writeSessions({ sessions }: GoState, before: ReadonlySet<string>): Promise<void> {
    for (const [id, session] of sessions) {
      const missing = `${GO_NAMES.missing}${id}`;
      if (before.has(missing)) await this.#put(missing, formatGoMissing(session));
      else await this.#put(`${GO_NAMES.session}${id}`, formatGoSession(session.index));
    }
  }

  async #writeDate(date: string, { completed, cursors }: GoDate): Promise<void> {
    const path = `${GO_NAMES.dates}/${date}`;
    await Deno.mkdir(`${this.#folder}/${path}`, { recursive: true, mode: FOLDER_MODE });
    for (const [chunk, cursor] of cursors) {
      await this.#put(`${path}/${chunk}${GO_NAMES.chunk}`, cursor);
    }
    const lines = completed.map((chunk) => `${chunk}\n`).join("");
    await this.#put(`${path}/${GO_NAMES.completed}`, lines);
    for (const name of await this.#list(path)) {
      const isOld = name.endsWith(GO_NAMES.chunk) &&
        !cursors.has(name.slice(0, -GO_NAMES.chunk.length));
      if (isOld) await this.#remove(`${path}/${name}`);
    }
  }

  async #removeOldDates({ dates }: GoState): Promise<void> {
    for (const name of await this.#list(GO_NAMES.dates)) {
      const isOld = /^\d{4}-\d{2}-\d{2}$/.test(name) && !dates.has(name);
      if (isOld) await this.#remove(`${GO_NAMES.dates}/${name}`);
    }
  }

  async #removeOldSessions({ sessions }: GoState, before: ReadonlySet<string>): Promise<void> {
    for (const name of before) {
      const prefix = [GO_NAMES.missing, GO_NAMES.session].find((prefix) => name.startsWith(prefix));
      if (prefix === undefined) continue;
      const id = name.slice(prefix.length);
      const isDouble = prefix === GO_NAMES.session && before.has(`${GO_NAMES.missing}${id}`);
      if (isDouble || !sessions.has(id)) await this.#remove(name);
    }
  }

  async #put(file: string, content: string | Uint8Array): Promise<void> {
    const path = `${this.#folder}/${file}`;
    const temporary = path.replace(/[^/]*$/, `${TEMPORARY}${crypto.randomUUID()}`);
    try {
      {
        using opened = await Deno.open(temporary, {
          write: true,
          createNew: true,
          mode: FILE_MODE,
        });
        const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
        for (let at = 0; at < bytes.length;) at += await opened.write(bytes.subarray(at));
        await opened.sync();
      }
      await Deno.rename(temporary, path);
    } catch (error) {
      await Deno.remove(temporary).catch(() => {});
      throw error;
    }
  }

  async #remove(file: string): Promise<void> {
    await Deno.remove(`${this.#folder}/${file}`, { recursive: true });
  }

  async #list(name: string): Promise<string[]> {
    try {
      const entries = await Array.fromAsync(Deno.readDir(`${this.#folder}/${name}`));
      return entries.map(({ name }) => name);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }
}

/** Blank stands for unset. */
function formatTime(ms: number | undefined): string {
  return ms === undefined ? "" : formatRfc3339(Math.floor(ms / 1000) * 1000);
}
