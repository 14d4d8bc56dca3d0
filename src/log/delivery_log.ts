import type { Clock } from "../core/clock.ts";
import { type AuditEvent, formatEventTime } from "../core/event.ts";
import type { Logger } from "../core/logger.ts";
import type { ParkedStream, PipelineObserver, RejectedEvent, Retry } from "../pipeline/ports.ts";

/** How deliveries are told. */
export interface DeliveryLogOptions {
  readonly logger: Logger;
  readonly clock: Clock;
  /** What to say of a delivered event, such as `Event sent`. */
  readonly sentMessage: string;
}

/** What does not work at the moment. */
interface Outage {
  /** The stream that it is told of; others that meet the same are told at debug. */
  readonly streamId: string;
  /** Told of so far. */
  readonly reasons: Set<string>;
}

const SESSION = "session/";
/** The streams that the audit log is read by: pages, and the listing of chunks. */
const LOG_STREAMS = ["log", "bulk"];
const MAX_TOLD_OF_BACKLOG = 20;
/** The end of a backlog that lasts so long is told, though an earlier end was. */
const LONG_BACKLOG_MS = 10_000;
/** Reasons that differ each time are told of so often; then only attempts 2, 4, 8 … are. */
const MAX_REASONS = 10;
/** A chunk that breaks at once may be set aside several times a second; it is told of once a minute. */
const TELL_PARKED_AGAIN_MS = 60_000;
const MAX_TOLD_PARKED = 1000;
const PEERS: { readonly [peer in Retry["peer"]]: string } = {
  receiver: "Fluentd",
  source: "Teleport",
  state: "Storage",
};

/**
 * Logs what the pipeline does: each event while live, each outage at its beginning, at growing
 * intervals and at its end. How a backlog goes down is not told here.
 */
export class DeliveryLog implements PipelineObserver {
  readonly #options: DeliveryLogOptions;
  /** Events sent of each session that is under way. */
  readonly #sessions = new Map<string, number>();
  #deliveredCount = 0;
  #rejectedCount = 0;
  #filteredCount = 0;
  #abandonedCount = 0;
  #isCatchingUp = false;
  /** When the backlog under way began, on the monotonic clock. */
  #behindSinceMs: number | undefined;
  #isCaughtUpTold = false;
  /** Streams that `stalled` told of. */
  readonly #stalled = new Set<string>();
  readonly #outages = new Map<string, Outage>();
  /** Why and when streams were last said to be set aside. */
  readonly #toldParked = new Map<string, { readonly reason: string; readonly atMs: number }>();

  constructor(options: DeliveryLogOptions) {
    this.#options = options;
  }

  delivered(streamId: string, events: readonly AuditEvent[], backlog: boolean): void {
    const { clock, logger, sentMessage } = this.#options;
    if (streamId.startsWith(SESSION)) {
      this.#sessions.set(streamId, (this.#sessions.get(streamId) ?? 0) + events.length);
      return;
    }
    this.#deliveredCount += events.length;
    // The end of a backlog comes in one piece; telling each event of it would be a flood.
    const isFlood = this.#isCatchingUp && events.length > MAX_TOLD_OF_BACKLOG;
    if (!backlog && !isFlood) {
      this.#isCatchingUp = false;
      for (const event of events) logger.info(sentMessage, describeEvent(event));
      return;
    }
    if (logger.isDebug) {
      for (const event of events) logger.debug(sentMessage, describeEvent(event));
    }
    this.#isCatchingUp = true;
    this.#behindSinceMs ??= clock.monotonicMs();
  }

  filtered(_streamId: string, count: number): void {
    this.#filteredCount += count;
  }

  rejected({ event, reason, streamId }: RejectedEvent): void {
    this.#rejectedCount++;
    this.#options.logger.error("Event quarantined", {
      ...describeEvent(event),
      stream: streamId,
      reason,
    });
  }

  retrying({ attempt, delayMs, lasting, peer, reason, streamId }: Retry): void {
    const { logger } = this.#options;
    if (LOG_STREAMS.includes(streamId)) this.#isCaughtUpTold = false;
    const message = lasting
      ? `${PEERS[peer]} needs attention, trying again: ${reason}`
      : `${PEERS[peer]} is not available, trying again: ${reason}`;
    const fields = {
      stream: streamId,
      peer: PEERS[peer].toLowerCase(),
      attempt,
      next_try: `${(delayMs / 1000).toFixed(1)}s`,
    };
    const key = outageOf(streamId, peer);
    const outage = this.#outages.get(key) ?? { streamId, reasons: new Set() };
    this.#outages.set(key, outage);
    // The first of a kind and then the 2nd, 4th, 8th …: an outage of hours is a few lines.
    const isMilestone = outage.streamId === streamId && (attempt & (attempt - 1)) === 0;
    if (!noteReason(outage, reason) && !isMilestone) logger.debug(message, fields);
    else if (lasting) logger.error(message, fields);
    else logger.warning(message, fields);
  }

  stalled(streamId: string, reason: string): void {
    this.#stalled.add(streamId);
    this.#isCaughtUpTold = false;
    this.#options.logger.warning(`No progress: ${reason}`, { stream: streamId });
  }

  recovered(streamId: string, peer: Retry["peer"], attempts: number): void {
    const isStallOver = peer === "source" && this.#stalled.delete(streamId);
    const message = isStallOver ? "Progress again" : `${PEERS[peer]} is available again`;
    const fields = { stream: streamId, failed_attempts: attempts };
    const key = outageOf(streamId, peer);
    const { logger } = this.#options;
    if ((this.#outages.get(key)?.streamId ?? streamId) !== streamId) {
      return logger.debug(message, fields);
    }
    this.#outages.delete(key);
    logger.info(message, fields);
  }

  caughtUp(streamId: string): void {
    // The end of one chunk or recording is not that of the log.
    if (!LOG_STREAMS.includes(streamId)) return;
    const behindMs = this.#options.clock.monotonicMs() - (this.#behindSinceMs ?? Infinity);
    this.#behindSinceMs = undefined;
    this.#isCatchingUp = false;
    // A look that finds a few pages of news is none to tell of the end of.
    if (this.#isCaughtUpTold && behindMs < LONG_BACKLOG_MS) return;
    this.#isCaughtUpTold = true;
    this.#options.logger.info("Caught up with the audit log, waiting for new events", {
      stream: streamId,
      sent: this.#deliveredCount,
    });
  }

  finished(streamId: string): void {
    this.#leaveOutages(streamId);
    if (!streamId.startsWith(SESSION)) return;
    this.#options.logger.info("Session recording sent", {
      id: streamId.slice(SESSION.length),
      events: this.#sessions.get(streamId) ?? 0,
    });
    this.#sessions.delete(streamId);
  }

  parked({ attempt, delayMs, peer, reason, streamId }: ParkedStream): void {
    const { logger } = this.#options;
    const fields = {
      stream: streamId,
      peer: PEERS[peer].toLowerCase(),
      attempt,
      next_try: `${Math.round(delayMs / 1000)}s`,
    };
    this.#leaveOutages(streamId);
    const message = `Set aside for another try: ${reason}`;
    if (this.#isToldLately(streamId, reason)) logger.debug(message, fields);
    else logger.info(message, fields);
  }

  abandoned(streamId: string, reason: string): void {
    this.#abandonedCount++;
    this.#leaveOutages(streamId);
    this.#sessions.delete(streamId);
    this.#options.logger.error(`Given up: ${reason}`, { stream: streamId });
  }

  /** All streams have ended, and are begun anew: what fails from now on is told as new. */
  beginAnew(): void {
    this.#outages.clear();
    this.#stalled.clear();
  }

  /** Whether a stream was set aside for the same reason less than a minute ago; notes it if not. */
  #isToldLately(streamId: string, reason: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const told = this.#toldParked.get(streamId);
    if (told?.reason === reason && nowMs - told.atMs < TELL_PARKED_AGAIN_MS) return true;
    // In the order of their being told, so that the first is the oldest.
    this.#toldParked.delete(streamId);
    this.#toldParked.set(streamId, { reason, atMs: nowMs });
    if (this.#toldParked.size > MAX_TOLD_PARKED) {
      this.#toldParked.delete(this.#toldParked.keys().next().value!);
    }
    return false;
  }

  /** Writes the totals of the run. */
  finish(): void {
    this.#options.logger.info("Stopped", {
      sent: this.#deliveredCount,
      skipped: this.#filteredCount,
      quarantined: this.#rejectedCount,
      ...(this.#abandonedCount === 0 ? {} : { given_up: this.#abandonedCount }),
    });
  }

  /** A stream that ends cannot tell of the end of an outage: the next one that fails does. */
  #leaveOutages(streamId: string): void {
    for (const [key, outage] of this.#outages) {
      if (outage.streamId === streamId) this.#outages.delete(key);
    }
  }
}

/** Streams that go the same way share an outage, so that many at a time do not say it many times. */
function outageOf(streamId: string, peer: Retry["peer"]): string {
  return `${streamId.startsWith(SESSION) ? "sessions" : "log"} ${peer}`;
}

/** Whether the reason is one that this outage has not shown yet. */
function noteReason({ reasons }: Outage, reason: string): boolean {
  if (reasons.has(reason) || reasons.size >= MAX_REASONS) return false;
  reasons.add(reason);
  return true;
}

function describeEvent(event: AuditEvent): { id: string; ts: string; type: string } {
  return { id: event.id, ts: formatEventTime(event.timeMs), type: event.type };
}
