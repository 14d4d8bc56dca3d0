import type { Clock } from "../core/clock.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import { type Credential, type CredentialBook, describeCredential } from "./credential_book.ts";
import { type CredentialFiles, credentialFiles } from "./credential_files.ts";

/** What is watched, and what follows. */
export interface WatchCredentialsOptions<T> {
  /** Whom the credentials are for, such as "Teleport"; names their set in the book. */
  readonly peer: string;
  /** All files that they are read from. */
  readonly paths: readonly string[];
  /** Those in use. */
  readonly inUse: T;
  /** Reads and checks them as a start does. Throws a `Fault` that names the file. */
  readonly read: (files: CredentialFiles, nowMs: number) => Promise<T>;
  readonly describe: (credentials: T) => readonly Credential[];
  /** Told of credentials that are new and sound. */
  readonly onNew: (credentials: T) => void;
  /** Pause between two looks, in milliseconds. */
  readonly intervalMs: number;
  readonly book: CredentialBook;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What has changed is looked at again so soon, until it is decided. */
const DECIDING_MS = 1000;
/** Looks at which new files must be the same before they are taken: they may be half written. */
const LOOKS_TO_TAKE = 2;
/** Looks at which new files must be the same, and no good, before that is told. */
const LOOKS_TO_REFUSE = 5;

/**
 * Looks at the content of credential files again and again until `signal` is aborted, and passes on
 * credentials that are new, whichever way they came: by rename, by another target of a link, or
 * written in place. Files that are half written, or a key that has come before its certificate, are
 * given some seconds. What cannot be used is told of once, and the old ones stay in use.
 */
export async function watchCredentials<T>(
  options: WatchCredentialsOptions<T>,
  signal: AbortSignal,
): Promise<void> {
  const watch = new Watch(options);
  while (!signal.aborted) {
    await options.clock.sleep(watch.pauseMs, signal).catch(() => {});
    if (!signal.aborted) await watch.look(signal);
  }
}

/** What the files held at one moment. */
interface Snapshot extends CredentialFiles {
  readonly content: string;
}

/** What became of a snapshot. */
type Reading<T> = { readonly value: T } | { readonly problem: string };

class Watch<T> {
  readonly #options: WatchCredentialsOptions<T>;
  #inUse: T;
  /** Content that `#inUse` was read from; not known before the first look. */
  #contentInUse: string | undefined;
  /** The last content that is not in use, how often it was seen in a row, and how it reads. */
  #content: string | undefined;
  #looks = 0;
  #reading: Reading<T> | undefined;
  #toldProblem: string | undefined;
  #isDecided = true;

  constructor(options: WatchCredentialsOptions<T>) {
    this.#options = options;
    this.#inUse = options.inUse;
  }

  get pauseMs(): number {
    const { intervalMs } = this.#options;
    return this.#isDecided ? intervalMs : Math.min(DECIDING_MS, intervalMs);
  }

  async look(signal: AbortSignal): Promise<void> {
    const snapshot = await takeSnapshot(this.#options.paths);
    if (signal.aborted) return;
    if (snapshot.content === this.#contentInUse) return this.#rest();
    if (snapshot.content !== this.#content) {
      this.#content = snapshot.content;
      this.#looks = 0;
      this.#reading = undefined;
    }
    this.#looks++;
    this.#isDecided = false;
    if (this.#looks < LOOKS_TO_TAKE) return;
    this.#reading ??= await this.#read(snapshot);
    const problem = "problem" in this.#reading
      ? this.#reading.problem
      : this.#findProblem(this.#reading.value);
    if ("value" in this.#reading && problem === undefined) return this.#take(this.#reading.value);
    if (this.#looks >= LOOKS_TO_REFUSE) this.#refuse(problem!);
  }

  async #read(snapshot: Snapshot): Promise<Reading<T>> {
    try {
      return { value: await this.#options.read(snapshot, this.#options.clock.nowMs()) };
    } catch (error) {
      return { problem: error instanceof Fault ? error.text : formatError(error) };
    }
  }

  /** Time alone may do away with what is found here, or bring it. */
  #findProblem(value: T): string | undefined {
    const { clock, describe } = this.#options;
    const nowMs = clock.nowMs();
    const [oldOnes, newOnes] = [this.#inUse, value].map((credentials) =>
      describe(credentials).map((credential) => describeCredential(credential, nowMs))
    );
    for (const { name, notAfterMs, notBeforeMs, path, subject, title } of newOnes!) {
      if (notAfterMs <= nowMs) {
        return `${title} '${subject}' in '${path}' expired at ${formatTime(notAfterMs)}`;
      }
      const old = oldOnes!.find((old) => old.name === name);
      // When the old one has ended, the clock of this machine may be wrong: the peer shall judge.
      if (notBeforeMs > nowMs && old !== undefined && old.notAfterMs > nowMs) {
        return `${title} '${subject}' in '${path}' is good only from ${formatTime(notBeforeMs)} on`;
      }
    }
    return undefined;
  }

  #take(value: T): void {
    const { book, describe, logger, onNew, peer } = this.#options;
    const isNew = JSON.stringify(value) !== JSON.stringify(this.#inUse);
    this.#contentInUse = this.#content;
    this.#inUse = value;
    if (!isNew) return this.#rest();
    this.#toldProblem = undefined;
    this.#rest();
    onNew(value);
    for (const { notAfterMs, path, subject, title } of book.enter(peer, describe(value))) {
      const until = formatTime(notAfterMs);
      logger.info(`${title} was replaced; the new one is in use`, { subject, until, path });
    }
  }

  #refuse(problem: string): void {
    const { book, logger, peer } = this.#options;
    this.#isDecided = true;
    if (problem === this.#toldProblem) return;
    this.#toldProblem = problem;
    book.report(peer, problem);
    logger.warning(`The old credentials for ${peer} stay in use: ${problem}`);
  }

  /** The files hold what is in use. */
  #rest(): void {
    const { book, logger, peer } = this.#options;
    this.#content = undefined;
    this.#looks = 0;
    this.#reading = undefined;
    this.#isDecided = true;
    if (this.#toldProblem === undefined) return;
    this.#toldProblem = undefined;
    book.report(peer, undefined);
    logger.info(`The files of the credentials for ${peer} hold those in use again`);
  }
}

async function takeSnapshot(paths: readonly string[]): Promise<Snapshot> {
  const texts = await Promise.all(paths.map(async (path) => {
    try {
      await refusePipe(path);
      return await credentialFiles.readText(path);
    } catch (error) {
      if (error instanceof Fault) return error;
      throw error;
    }
  }));
  const content = JSON.stringify(
    texts.map((text) => text instanceof Fault ? { problem: text.text } : text),
  );
  const byPath = new Map(paths.map((path, i) => [path, texts[i]!]));
  return {
    content,
    // deno-lint-ignore require-await -- as an interface of files would have it
    async readText(path) {
      const text = byPath.get(path);
      if (text === undefined) throw new TypeError(`File is not watched: '${path}'`);
      if (text instanceof Fault) throw text;
      return text;
    },
  };
}

/** A pipe gives what it holds once, and the runtime stands still when it opens one without a writer. */
async function refusePipe(path: string): Promise<void> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (info === undefined || info.isFile || info.isDirectory) return;
  throw new Fault("credentials", `Cannot read '${path}' again: it is no regular file`, {
    hint: "Restart when there are new credentials, or name a file",
  });
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
