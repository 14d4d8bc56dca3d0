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

const SESSION = "session/";
const CHUNK = "chunk/";
const MAX_TOLD_OF_BACKLOG = 20;
/** While catching up, one line stands for the events of so long. */
const SUMMARY_MS = 1000;
/** Reasons that differ each time are told of so often; then only attempts 2, 4, 8 … are. */
const MAX_REASONS = 10;
const PEERS: { readonly [peer in Retry["peer"]]: string } = {
  receiver: "Fluentd",
  source: "Teleport",
  state: "Storage",
};

/**
 * Logs what the pipeline does: each event while live, one summary line a second while catching up,
 * each outage at its beginning, at growing intervals and at its end.
 */
export class DeliveryLog implements PipelineObserver {
  readonly #options: DeliveryLogOptions;
  /** Events sent of each session that is under way. */
  readonly #sessions = new Map<string, number>();
  #deliveredCount = 0;
  #rejectedCount = 0;
  #filteredCount = 0;
  #abandonedCount = 0;
  #summaryCount = 0;
  #summarySinceMs = 0;
  #summaryLast: AuditEvent | undefined;
  #isCatchingUp = false;
  /** Streams that `stalled` told of. */
  readonly #stalled = new Set<string>();
  /** Reasons told of in each outage. */
  readonly #toldReasons = new Map<string, Set<string>>();

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
    const nowMs = clock.monotonicMs();
    // The end of a backlog comes in one piece; telling each event of it would be a flood.
    const isFlood = this.#isCatchingUp && events.length > MAX_TOLD_OF_BACKLOG;
    if (!backlog && !isFlood) {
      this.#isCatchingUp = false;
      this.#writeSummary(nowMs);
      for (const event of events) logger.info(sentMessage, describeEvent(event));
      return;
    }
    if (logger.isDebug) {
      for (const event of events) logger.debug(sentMessage, describeEvent(event));
    }
    // Nothing is known of the time that the first events took.
    if (!this.#isCatchingUp) this.#summarySinceMs = nowMs - SUMMARY_MS;
    this.#isCatchingUp = true;
    this.#summaryCount += events.length;
    this.#summaryLast = events.at(-1);
    if (nowMs - this.#summarySinceMs >= SUMMARY_MS) this.#writeSummary(nowMs);
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
    const message = lasting
      ? `${PEERS[peer]} needs attention, trying again: ${reason}`
      : `${PEERS[peer]} is not available, trying again: ${reason}`;
    const fields = {
      stream: streamId,
      peer: PEERS[peer].toLowerCase(),
      attempt,
      next_try: `${(delayMs / 1000).toFixed(1)}s`,
    };
    const isNew = this.#noteReason(`${streamId} ${peer}`, reason);
    // The first of a kind and then the 2nd, 4th, 8th …: an outage of hours is a few lines.
    if (!isNew && (attempt & (attempt - 1)) !== 0) logger.debug(message, fields);
    else if (lasting) logger.error(message, fields);
    else logger.warning(message, fields);
  }

  stalled(streamId: string, reason: string): void {
    this.#stalled.add(streamId);
    this.#options.logger.warning(`No progress: ${reason}`, { stream: streamId });
  }

  recovered(streamId: string, peer: Retry["peer"], attempts: number): void {
    this.#toldReasons.delete(`${streamId} ${peer}`);
    const isStallOver = peer === "source" && this.#stalled.delete(streamId);
    this.#options.logger.info(
      isStallOver ? "Progress again" : `${PEERS[peer]} is available again`,
      {
        stream: streamId,
        failed_attempts: attempts,
      },
    );
  }

  caughtUp(streamId: string): void {
    // The end of one chunk is not that of the log.
    if (streamId.startsWith(CHUNK)) return;
    this.#isCatchingUp = false;
    this.#writeSummary(this.#options.clock.monotonicMs());
    this.#options.logger.info("Caught up with the audit log, waiting for new events", {
      stream: streamId,
      sent: this.#deliveredCount,
    });
  }

  finished(streamId: string): void {
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
    logger.info(`Set aside for another try: ${reason}`, fields);
  }

  abandoned(streamId: string, reason: string): void {
    this.#abandonedCount++;
    this.#sessions.delete(streamId);
    this.#options.logger.error(`Given up: ${reason}`, { stream: streamId });
  }

  /** Writes the last summary line and the totals of the run. */
  finish(): void {
    this.#writeSummary(this.#options.clock.monotonicMs());
    this.#options.logger.info("Stopped", {
      sent: this.#deliveredCount,
      skipped: this.#filteredCount,
      quarantined: this.#rejectedCount,
      ...(this.#abandonedCount === 0 ? {} : { given_up: this.#abandonedCount }),
    });
  }

  /** Whether the reason is one that this outage has not shown yet. */
  #noteReason(outage: string, reason: string): boolean {
    const told = this.#toldReasons.get(outage) ?? new Set();
    this.#toldReasons.set(outage, told);
    if (told.has(reason) || told.size >= MAX_REASONS) return false;
    told.add(reason);
    return true;
  }

  #writeSummary(nowMs: number): void {
    const last = this.#summaryLast;
    if (last === undefined) return;
    const seconds = Math.max(nowMs - this.#summarySinceMs, 1) / 1000;
    this.#options.logger.info(`${this.#options.sentMessage.replace("Event", "Events")}`, {
      count: this.#summaryCount,
      per_second: Math.round(this.#summaryCount / Math.max(seconds, 0.001)),
      up_to: formatEventTime(last.timeMs),
      total: this.#deliveredCount,
    });
    this.#summaryCount = 0;
    this.#summaryLast = undefined;
    this.#summarySinceMs = nowMs;
  }
}

function describeEvent(event: AuditEvent): { id: string; ts: string; type: string } {
  return { id: event.id, ts: formatEventTime(event.timeMs), type: event.type };
}
