import type { Clock } from "../core/clock.ts";

/** Whom a stall is told to, and how long it is waited out. */
export interface LogStallOptions {
  readonly clock: Clock;
  /** How long Teleport may have an event and not give it, in milliseconds. */
  readonly stallMs: number;
  /** Told once of each stall: what is wrong, and what to do. */
  readonly onStalled: (reason: string) => void;
  /** Told when the reading goes on as it should, after so many reads in vain. */
  readonly onMoving: (attempts: number) => void;
  /** Told of what was passed over. */
  readonly onPassedOver: (reason: string) => void;
}

/** A time at which Teleport has an event that it does not give. */
interface Doubt {
  /** When it was read in vain for the last time. */
  lastMs: number;
  /** How long it has been waited out, as far as that counts. */
  waitedMs: number;
  /** Where the reading stands. */
  readonly fromMs: number;
  /** Time of the newest event that was not given. */
  untilMs: number;
  attempts: number;
  isTold: boolean;
  /** Something was not given, and no event after it has come yet. */
  isInGap: boolean;
  /** First event after the last gap, once there is one. */
  afterGapMs: number | undefined;
}

/**
 * How often the same is read again in vain before it is a stall, at the least: time in which Teleport was
 * not asked, or did not answer, says nothing.
 */
const READS_IN_VAIN = 5;

const REMEDY =
  "Older auth servers stop at an event of more than 1 MiB, or lose their place: look " +
  "into their log, and upgrade them. What else there is is read around it now";

/**
 * The patience with a server that has events and does not give them when they are asked for in order:
 * first the same is asked again, because an event may just have come in, or a replica be behind; after
 * `stallMs` it is told, and read around.
 */
export class LogStall {
  readonly #options: LogStallOptions;
  #doubt: Doubt | undefined;

  constructor(options: LogStallOptions) {
    this.#options = options;
  }

  /** Whether something is wrong, told or not yet. */
  get isDoubted(): boolean {
    return this.#doubt !== undefined;
  }

  /** Up to where the log has to be read around what is not given; undefined when nothing is wrong. */
  get aroundUntilMs(): number | undefined {
    return this.#doubt?.isTold ? this.#doubt.untilMs : undefined;
  }

  /** Something is not given, and nothing after it has come yet. */
  get isInGap(): boolean {
    return this.#doubt?.isTold === true && this.#doubt.isInGap;
  }

  /** Notes events that were read. */
  noteEvents(events: readonly { readonly timeMs: number }[]): void {
    const [first] = events;
    const doubt = this.#doubt;
    if (first === undefined || doubt === undefined) return;
    if (!doubt.isTold) {
      this.#doubt = undefined;
    } else if (doubt.isInGap) {
      doubt.isInGap = false;
      doubt.afterGapMs = first.timeMs;
    }
  }

  /** Notes that Teleport has an event that it did not give, and says whether to wait a little. */
  noteUnread(fromMs: number, unreadMs: number): "wait" | "go around" {
    const { clock, onStalled, stallMs } = this.#options;
    const nowMs = clock.monotonicMs();
    // What was told of lies behind: this is another one.
    if (this.#doubt?.isTold) this.noteReached(fromMs, true);
    const doubt = this.#doubt ??= {
      lastMs: nowMs,
      waitedMs: 0,
      fromMs,
      untilMs: unreadMs,
      attempts: 0,
      isTold: false,
      isInGap: true,
      afterGapMs: undefined,
    };
    doubt.attempts++;
    doubt.isInGap = true;
    if (doubt.isTold) {
      // A gap that goes on behind what was known of it.
      if (fromMs > doubt.untilMs) doubt.untilMs = unreadMs;
      return "go around";
    }
    doubt.waitedMs += Math.min(nowMs - doubt.lastMs, stallMs / READS_IN_VAIN);
    doubt.lastMs = nowMs;
    if (doubt.waitedMs < stallMs) return "wait";
    doubt.isTold = true;
    onStalled(
      `Teleport has an event of ${formatTime(unreadMs)}, and gives none after ` +
        `${formatTime(fromMs)}. ${REMEDY}`,
    );
    return "go around";
  }

  /**
   * Notes that everything before `fromMs` that Teleport gives was read. A gap in the past lasts until
   * an event comes, because there is no telling where the last one lies that was not given.
   */
  noteReached(fromMs: number, isPast: boolean): void {
    const doubt = this.#doubt;
    if (doubt === undefined || doubt.isTold && fromMs <= doubt.untilMs) return;
    if (doubt.isTold && doubt.isInGap && isPast) return;
    this.#doubt = undefined;
    if (!doubt.isTold) return;
    const { onMoving, onPassedOver } = this.#options;
    const afterGapMs = doubt.isInGap ? fromMs : doubt.afterGapMs ?? doubt.untilMs;
    onPassedOver(
      `Teleport may have events between ${formatTime(doubt.fromMs)} and ` +
        `${formatTime(afterGapMs)} that it did not give. Once the auth ` +
        "server is upgraded, export that time again, with another storage",
    );
    onMoving(doubt.attempts);
  }
}

function formatTime(ms: number): string {
  return new Date(ms).toISOString();
}
