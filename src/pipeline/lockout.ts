import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { type AuditEvent, jsonOf } from "../core/event.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { PositionStore, StreamPosition, UserLocker } from "./ports.ts";

/** When users are locked, and what that takes. */
export interface LockoutOptions {
  /** Failed logins within `periodMs` that are tolerated. */
  readonly maxFailures: number;
  readonly periodMs: number;
  /** How long a lock holds, in milliseconds; 0 for ever. */
  readonly lockMs: number;
  readonly locker: UserLocker;
  readonly store: PositionStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stop: AbortSignal;
}

/** A failed login, as it lies in the store until it is too old to count. */
interface FailedLogin {
  readonly streamId: string;
  readonly timeMs: number;
  readonly user: string;
  readonly login: string;
}

const PREFIX = "failed-login/";
/** A login that failed so long ago is history: an export of the past locks nobody. */
const HISTORY_MS = 10 * 60 * 1000;
const MAX_NAME = 256;

/**
 * Locks users after too many failed logins, each user for himself. A failed login is put into the
 * store in the same commit as the position that passes its event, so that a restart forgets none.
 */
export class Lockout {
  readonly #options: LockoutOptions;
  readonly #failures = new Map<string, FailedLogin[]>();
  /** Failed logins that were in the store when it was last looked at. */
  #counted = new Set<string>();
  #tail: Promise<void> = Promise.resolve();
  #isDenied = false;

  constructor(options: LockoutOptions) {
    this.#options = options;
  }

  /**
   * Takes up the failed logins in the store that are not counted yet: those that an earlier run saw, and
   * those that other replicas see. @throws {Fault} of kind `state`.
   */
  async load(): Promise<void> {
    const streams: StreamPosition[] = [];
    for await (const stream of this.#options.store.list(PREFIX)) streams.push(stream);
    const counted = this.#counted;
    this.#counted = new Set(streams.map(({ streamId }) => streamId));
    this.open(streams.filter(({ streamId }) => !counted.has(streamId)));
  }

  /** Takes up what other replicas see, again and again for as long as the log is forwarded here. */
  async watchWhile(forwarding: Promise<void>, pauseMs: number): Promise<void> {
    const { clock } = this.#options;
    const ended = new AbortController();
    const watching = (async () => {
      while (!ended.signal.aborted) {
        await this.#loadIfPossible();
        await clock.sleep(pauseMs, ended.signal).catch(() => {});
      }
    })();
    try {
      await forwarding;
    } finally {
      ended.abort();
      await watching;
    }
    await this.#loadIfPossible();
  }

  /** The streams tell of a store that is away. */
  async #loadIfPossible(): Promise<void> {
    await this.load().catch((error) => {
      if (!(error instanceof Fault)) throw error;
    });
  }

  /** The failed logins among events, to be committed with the position that passes them. */
  findFailedLogins(events: readonly AuditEvent[]): StreamPosition[] {
    const oldestMs = this.#options.clock.nowMs() - this.#options.periodMs - HISTORY_MS;
    const failed: StreamPosition[] = [];
    for (const event of events) {
      if (event.type !== "user.login" || event.defect !== undefined) continue;
      if (event.timeMs < oldestMs) continue;
      const { login, success, user } = JSON.parse(new TextDecoder().decode(jsonOf(event)));
      if (success !== false || typeof user !== "string" || user === "") continue;
      if (user.length > MAX_NAME) continue;
      const position = {
        user,
        login: typeof login === "string" ? login.slice(0, MAX_NAME) : "",
        timeMs: event.timeMs,
      };
      failed.push({
        streamId: `${PREFIX}${event.timeMs}/${event.id.slice(0, MAX_NAME)}`,
        position,
      });
    }
    return failed;
  }

  /** Counts failed logins that were committed, and locks whom they are too many of. */
  open(streams: readonly StreamPosition[]): void {
    const { maxFailures, periodMs } = this.#options;
    const tooOld: string[] = [];
    for (const { position, streamId } of streams) {
      if (!streamId.startsWith(PREFIX)) continue;
      const { login, timeMs, user } = position as { login: string; timeMs: number; user: string };
      const failures = this.#failures.get(user) ?? [];
      failures.push({ streamId, timeMs, user, login });
      const recent = failures.filter((failure) => failure.timeMs > timeMs - periodMs);
      tooOld.push(...failures.filter((f) => !recent.includes(f)).map((f) => f.streamId));
      this.#failures.set(user, recent);
      if (recent.length > maxFailures) {
        this.#failures.delete(user);
        this.#enqueue(() => this.#lock(recent));
      }
    }
    if (tooOld.length > 0) this.#enqueue(() => this.#options.store.forget(tooOld));
  }

  /** Resolves when everybody is locked who is to be, as far as that was possible. */
  settled(): Promise<void> {
    return this.#tail;
  }

  #enqueue(work: () => Promise<void>): void {
    const { logger } = this.#options;
    this.#tail = this.#tail.then(work).catch((error) => {
      if (this.#options.stop.aborted) return;
      logger.error(`Auto-lock failed: ${formatError(error)}`);
    });
  }

  async #lock(failures: readonly FailedLogin[]): Promise<void> {
    const { clock, lockMs, locker, logger, stop, store } = this.#options;
    const { login, user } = failures.at(-1)!;
    const expiresMs = lockMs === 0 ? undefined : clock.nowMs() + lockMs;
    const backoff = new Backoff({ firstMs: 1000 });
    while (!this.#isDenied) {
      try {
        await locker.lock({ user, login, expiresMs }, stop);
        logger.warning("User locked after too many failed logins", {
          user,
          failures: failures.length,
          until: expiresMs === undefined ? "unlocked by hand" : new Date(expiresMs).toISOString(),
        });
        break;
      } catch (error) {
        if (!(error instanceof Fault) || !error.transient) throw error;
        if (error.kind === "denied") {
          this.#isDenied = true;
          logger.warning(
            "Auto-lock is off: the role of the handler's user may not create locks. Add to its allow " +
              "rules: resources ['lock'], verbs ['create', 'update']. The export goes on",
          );
        } else if (error.kind === "protocol") {
          logger.error(`User cannot be locked: ${error.text}`, { user });
          break;
        } else {
          await clock.sleep(backoff.nextMs(), stop);
        }
      }
    }
    await store.forget(failures.map((failure) => failure.streamId));
  }
}
