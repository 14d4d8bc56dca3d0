import { createHash } from "node:crypto";
import { Fault, formatError } from "../../core/fault.ts";
import { isSessionId } from "../../core/session_id.ts";
import { GO_NAMES, type GoDate, type GoSession, type GoState } from "./go_state.ts";
import {
  type Parsed,
  parseGoCompleted,
  parseGoCursor,
  parseGoId,
  parseGoMissing,
  parseGoSession,
  parseGoTime,
} from "./parse_go_file.ts";

/** Something in the folder that cannot be used, and what is done instead: the safe, earlier thing. */
export interface GoDamage {
  /** Below the folder. */
  readonly file: string;
  /** Goes on after the name of the file: "holds 3 bytes in place of 8". */
  readonly problem: string;
  readonly instead: string;
}

/** What a storage folder of the Go handler holds. */
export interface GoStateFound {
  readonly state: GoState;
  readonly damages: readonly GoDamage[];
  /** Changes when the Go handler writes anything there. */
  readonly digest: string;
}

/** A completed-chunks of a year of chunks is some megabytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Longest name of a chunk that the state takes. */
const MAX_CHUNK_NAME = 512;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
/** What diskv writes to before it gives the file its name. */
const LEFT_BY_A_CRASH = /\.\d{5,}$/;

const AGAIN = {
  start: "the start is taken from start-time, or from what else is there",
  window: "the log goes on from the last event, or from the start",
  id: "the log is sent again from the beginning of the window",
  cursor: "it is done without",
  session: "the recording is sent from its beginning",
  chunk: "the chunk is sent from its beginning",
  completed: "that chunk is sent again",
  nothing: "it is left out",
} as const;

/**
 * Reads what the Go handler left in its storage folder; undefined when it was never there. Nothing is
 * changed. What is damaged is told of, and counts as less than it was: nothing is lost by it.
 *
 * @throws {Fault} of kind `state` when the folder or something in it cannot be read.
 */
export async function readGoState(
  folder: string,
  nowMs: number,
): Promise<GoStateFound | undefined> {
  return await new GoFolder(folder, nowMs).read();
}

class GoFolder {
  readonly #folder: string;
  readonly #nowMs: number;
  readonly #damages: GoDamage[] = [];
  /** Of name, length and content of all that was read. */
  readonly #hash = createHash("sha256");
  #isUsed = false;

  constructor(folder: string, nowMs: number) {
    this.#folder = folder;
    this.#nowMs = nowMs;
  }

  async read(): Promise<GoStateFound | undefined> {
    const names = await this.#list("");
    if (names === undefined) return undefined;
    const nowMs = this.#nowMs;
    const { cursor, id, startTime, windowTime } = GO_NAMES;
    const time = (bytes: Uint8Array) => parseGoTime(bytes, nowMs);
    const state: GoState = {
      startMs: await this.#readOne(names, startTime, { parse: time, instead: AGAIN.start }),
      windowMs: await this.#readOne(names, windowTime, { parse: time, instead: AGAIN.window }),
      cursor: await this.#readOne(names, cursor, {
        parse: parseGoCursor,
        instead: AGAIN.cursor,
      }) ?? "",
      id: await this.#readOne(names, id, { parse: parseGoId, instead: AGAIN.id }) ?? "",
      sessions: await this.#readSessions(names),
      dates: names.has(GO_NAMES.dates) ? await this.#readDates() : new Map(),
    };
    if (!this.#isUsed) return undefined;
    return { state, damages: this.#damages, digest: this.#hash.digest("hex") };
  }

  async #readOne<T>(
    names: ReadonlySet<string>,
    name: string,
    { instead, parse }: { parse: (bytes: Uint8Array) => Parsed<T>; instead: string },
  ): Promise<T | undefined> {
    return names.has(name) ? await this.#parse(name, { parse, instead }) : undefined;
  }

  async #readSessions(names: ReadonlySet<string>): Promise<Map<string, GoSession>> {
    const sessions = new Map<string, GoSession>();
    for (const name of [...names].sort()) {
      const prefix = [GO_NAMES.missing, GO_NAMES.session].find((prefix) => name.startsWith(prefix));
      if (prefix === undefined) {
        if (isLeftByCrash(name)) this.#damaged(name, "was not written to its end", AGAIN.nothing);
        continue;
      }
      const id = name.slice(prefix.length);
      // An upload that names no session leaves the bare prefix behind.
      if (id === "") continue;
      if (!isSessionId(id)) {
        const problem = isLeftByCrash(name)
          ? "was not written to its end"
          : "is not named after a session";
        this.#damaged(name, problem, AGAIN.nothing);
        continue;
      }
      const parse = prefix === GO_NAMES.missing ? parseGoMissing : parseGoSession;
      const session = await this.#parse(name, { parse, instead: AGAIN.session }) ?? FROM_BEGINNING;
      const other = sessions.get(id);
      sessions.set(id, other === undefined ? session : earlier(session, other));
    }
    return sessions;
  }

  async #readDates(): Promise<Map<string, GoDate>> {
    const dates = new Map<string, GoDate>();
    const names = await this.#list(GO_NAMES.dates);
    for (const date of [...names ?? []].sort()) {
      const path = `${GO_NAMES.dates}/${date}`;
      if (!isDate(date) || !await this.#isFolder(path)) {
        this.#damaged(path, "is no folder of a date", AGAIN.nothing);
        continue;
      }
      dates.set(date, await this.#readDate(path));
    }
    return dates;
  }

  async #readDate(path: string): Promise<GoDate> {
    this.#note(path, new Uint8Array());
    let completed: readonly string[] = [];
    const cursors = new Map<string, string>();
    for (const name of [...await this.#list(path) ?? []].sort()) {
      const file = `${path}/${name}`;
      if (name === GO_NAMES.completed) {
        const bytes = await this.#readFile(file);
        if (bytes !== undefined) completed = this.#takeCompleted(file, bytes);
        else this.#damaged(file, "is not a file", "all chunks of that date are sent again");
      } else if (name.endsWith(GO_NAMES.chunk)) {
        const chunk = name.slice(0, -GO_NAMES.chunk.length);
        const parse = parseGoCursor;
        const cursor = await this.#parse(file, { parse, instead: AGAIN.chunk });
        cursors.set(chunk, cursor?.trim() ?? "");
      } else {
        this.#damaged(file, "is no file of the Go handler", AGAIN.nothing);
      }
    }
    // What is complete was noted so after its last event; its cursor may have outlived that.
    for (const chunk of completed) cursors.delete(chunk);
    for (const [chunk, cursor] of cursors) if (cursor === "") cursors.delete(chunk);
    return { completed, cursors };
  }

  #takeCompleted(file: string, bytes: Uint8Array): readonly string[] {
    const { chunks, cut } = parseGoCompleted(bytes);
    if (cut !== undefined) {
      const problem = `ends within a name, ${JSON.stringify(cut.slice(0, 60))}`;
      this.#damaged(file, problem, AGAIN.completed);
    }
    return chunks.filter((chunk) => {
      if (chunk.length <= MAX_CHUNK_NAME && !chunk.includes("/")) return true;
      const shown = JSON.stringify(chunk.slice(0, 60));
      this.#damaged(file, `names ${shown}, which is no chunk`, AGAIN.nothing);
      return false;
    });
  }

  async #parse<T>(
    file: string,
    { instead, parse }: { parse: (bytes: Uint8Array) => Parsed<T>; instead: string },
  ): Promise<T | undefined> {
    const bytes = await this.#readFile(file);
    const parsed = bytes === undefined ? { defect: "is not a file" } : parse(bytes);
    if ("value" in parsed) return parsed.value;
    this.#damaged(file, parsed.defect, instead);
    return undefined;
  }

  /** Undefined for what is no file: to open a pipe would wait for ever. */
  async #readFile(file: string): Promise<Uint8Array | undefined> {
    const path = `${this.#folder}/${file}`;
    this.#isUsed = true;
    try {
      const { isFile, size } = await Deno.stat(path);
      if (!isFile || size > MAX_FILE_BYTES) return undefined;
      const bytes = await Deno.readFile(path);
      this.#note(file, bytes);
      return bytes;
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  async #isFolder(name: string): Promise<boolean> {
    try {
      return (await Deno.stat(`${this.#folder}/${name}`)).isDirectory;
    } catch (error) {
      throw unreadable(`${this.#folder}/${name}`, error);
    }
  }

  /** Names in the folder; undefined when it is not there, or is none. */
  async #list(name: string): Promise<Set<string> | undefined> {
    const path = name === "" ? this.#folder : `${this.#folder}/${name}`;
    try {
      return new Set((await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      if (error instanceof Deno.errors.NotADirectory) return undefined;
      throw unreadable(path, error);
    }
  }

  #note(file: string, bytes: Uint8Array): void {
    this.#isUsed = true;
    this.#hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }

  #damaged(file: string, problem: string, instead: string): void {
    this.#damages.push({ file, problem, instead });
  }
}

const FROM_BEGINNING: GoSession = { index: 0, uploadMs: 0, attempts: 0 };

/** Of two notes on one recording: it stands nowhere after the earlier one. */
function earlier(a: GoSession, b: GoSession): GoSession {
  const { attempts, uploadMs } = a.uploadMs >= b.uploadMs ? a : b;
  return { index: Math.min(a.index, b.index), attempts, uploadMs };
}

function isLeftByCrash(name: string): boolean {
  const { cursor, id, missing, session, startTime, windowTime } = GO_NAMES;
  const prefixes = [startTime, windowTime, cursor, id, session, missing];
  return LEFT_BY_A_CRASH.test(name) && prefixes.some((prefix) => name.startsWith(prefix));
}

function isDate(text: string): boolean {
  return DATE.test(text) && !isNaN(Date.parse(text)) &&
    new Date(Date.parse(text)).toISOString().startsWith(text);
}

function unreadable(path: string, error: unknown): Fault {
  const problem = `Cannot read '${path}' of the Go handler's state: ${formatError(error)}`;
  return new Fault("state", problem, {
    hint: "Let this user read it (chown), so that the export goes on where that handler stopped",
    cause: error,
  });
}
