import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { AuditEvent } from "../core/event.ts";
import { Fault, formatError } from "../core/fault.ts";
import type { PipelineObserver, Quarantine, Sink } from "./ports.ts";

/** What delivery needs besides the events. */
export interface DeliveryContext {
  readonly streamId: string;
  readonly sink: Sink;
  readonly quarantine: Quarantine;
  readonly observer: PipelineObserver;
  readonly clock: Clock;
  /** Ends pauses: no further attempt is made. */
  readonly stop: AbortSignal;
  /** Gives up the request under way. */
  readonly abort: AbortSignal;
}

/** More events of the same stream: some, none at the moment, or none ever. */
export type MoreEvents = readonly AuditEvent[] | "waiting" | "ended";

/** Attempts with a failing server before a request of several events is narrowed. */
const ATTEMPTS_BEFORE_NARROWING = 3;
/** Attempts with a failing server before a single event is set aside to try the next. */
const ATTEMPTS_BEFORE_SUSPICION = 5;
/** Events refused in a row, none accepted: then it is the receiver that is at fault. */
const MAX_SUSPECTS = 20;

/** An event that was refused while nothing else was accepted, so that its guilt is not proved yet. */
interface Suspect {
  readonly event: AuditEvent;
  readonly reason: string;
  /** Refused for good, as against failing again and again. */
  readonly definite: boolean;
}

/**
 * Delivers events of one stream, in order, one request at a time, until each was taken by the
 * receiver or lies in quarantine. It waits for as long as the receiver is away.
 *
 * A request that is refused is halved until the event at fault stands alone. That event goes to
 * quarantine only when the receiver has accepted another one in the meantime: a receiver that refuses
 * everything is set up wrong, and no event is to blame. Where no other event is at hand, `takeMore` is
 * asked for some.
 */
export class BatchDelivery {
  readonly #context: DeliveryContext;
  readonly #backoff = new Backoff();
  readonly #lastingBackoff = new Backoff({ firstMs: 2000, maxMs: 60_000 });
  #failedAttempts = 0;
  #hasDelivered = false;

  constructor(context: DeliveryContext) {
    this.#context = context;
  }

  /** @throws `stop.reason` or `abort.reason`; some of the events may have been delivered then. */
  async deliver(
    events: readonly AuditEvent[],
    backlog: boolean,
    takeMore: () => MoreEvents,
  ): Promise<void> {
    let groups = await this.#quarantineDefects(events);
    let suspects: Suspect[] = [];
    let attempts = 0;
    while (groups.length > 0 || suspects.length > 0) {
      const group = groups[0];
      if (group === undefined) {
        const more = takeMore();
        if (more === "ended" && this.#hasDelivered) {
          for (const suspect of suspects) await this.#reject(suspect.event, suspect.reason);
          return;
        }
        if (typeof more !== "string") {
          groups = await this.#quarantineDefects(more);
          continue;
        }
        await this.#pause(suspects.at(-1)!.reason, { lasting: true });
        groups = putBack(suspects, groups);
        suspects = [];
        continue;
      }
      const delivery = await this.#context.sink.send(group, this.#context.abort);
      switch (delivery.kind) {
        case "delivered":
          groups.shift();
          attempts = 0;
          this.#delivered(group, backlog);
          for (const suspect of suspects) await this.#settle(suspect, backlog);
          suspects = [];
          break;
        case "rejected":
          attempts = 0;
          if (group.length > 1) {
            groups.splice(0, 1, ...halve(group));
          } else {
            groups.shift();
            suspects.push({ event: group[0]!, reason: delivery.reason, definite: true });
            if (suspects.length < MAX_SUSPECTS) break;
            await this.#pause(delivery.reason, { lasting: true });
            groups = putBack(suspects, groups);
            suspects = [];
          }
          break;
        case "retry":
          attempts++;
          await this.#pause(delivery.reason, { lasting: false, afterMs: delivery.afterMs });
          if (!delivery.suspect) break;
          if (suspects.some((suspect) => !suspect.definite)) {
            // The next event fails as well: it is the receiver, not the event that was set aside.
            groups = putBack(suspects, groups);
            suspects = [];
          } else if (group.length > 1 && attempts >= ATTEMPTS_BEFORE_NARROWING) {
            groups.splice(0, 1, ...halve(group));
            attempts = 0;
          } else if (group.length === 1 && attempts >= ATTEMPTS_BEFORE_SUSPICION) {
            if (groups.length === 1) {
              const more = takeMore();
              if (typeof more === "string") break;
              groups.push(...await this.#quarantineDefects(more));
            }
            groups.shift();
            suspects.push({ event: group[0]!, reason: delivery.reason, definite: false });
            attempts = 0;
          }
          break;
        case "misconfigured":
          await this.#pause(delivery.reason, { lasting: true });
          break;
      }
    }
  }

  /** The receiver accepted another event, so a suspect that is refused once more is guilty. */
  async #settle(suspect: Suspect, backlog: boolean): Promise<void> {
    if (!suspect.definite) {
      const delivery = await this.#context.sink.send([suspect.event], this.#context.abort);
      if (delivery.kind === "delivered") return this.#delivered([suspect.event], backlog);
    }
    await this.#reject(suspect.event, suspect.reason);
  }

  /** Puts events without a payload into quarantine and returns the others as one group, if any. */
  async #quarantineDefects(events: readonly AuditEvent[]): Promise<(readonly AuditEvent[])[]> {
    const sound = events.filter((event) => event.defect === undefined);
    if (sound.length < events.length) {
      for (const event of events) {
        if (event.defect !== undefined) await this.#reject(event, event.defect.reason);
      }
    }
    return sound.length === 0 ? [] : [sound];
  }

  #delivered(events: readonly AuditEvent[], backlog: boolean): void {
    const { observer, streamId } = this.#context;
    if (this.#failedAttempts > 0) observer.recovered(streamId, "receiver", this.#failedAttempts);
    this.#failedAttempts = 0;
    this.#hasDelivered = true;
    this.#backoff.reset();
    this.#lastingBackoff.reset();
    observer.delivered(streamId, events, backlog);
  }

  async #reject(event: AuditEvent, reason: string): Promise<void> {
    const { clock, observer, quarantine, stop, streamId } = this.#context;
    const rejected = { streamId, event, reason };
    const backoff = new Backoff({ firstMs: 1000 });
    while (true) {
      try {
        await quarantine.put(rejected);
        break;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        const delayMs = backoff.nextMs();
        const attempt = backoff.failures;
        observer.retrying(
          { streamId, peer: "state", attempt, reason: formatError(error), delayMs, lasting: false },
        );
        await clock.sleep(delayMs, stop);
      }
    }
    if (backoff.failures > 0) observer.recovered(streamId, "state", backoff.failures);
    observer.rejected(rejected);
  }

  async #pause(
    reason: string,
    options: { lasting: boolean; afterMs?: number | undefined },
  ): Promise<void> {
    const { clock, observer, stop, streamId } = this.#context;
    const { lasting, afterMs } = options;
    const delayMs = afterMs ?? (lasting ? this.#lastingBackoff : this.#backoff).nextMs();
    const attempt = ++this.#failedAttempts;
    observer.retrying({ streamId, peer: "receiver", attempt, reason, delayMs, lasting });
    await clock.sleep(delayMs, stop);
  }
}

function halve<T>(group: readonly T[]): [readonly T[], readonly T[]] {
  const middle = Math.ceil(group.length / 2);
  return [group.slice(0, middle), group.slice(middle)];
}

/** The suspects as one group again, before the others: their order is that of the stream. */
function putBack(
  suspects: readonly Suspect[],
  groups: readonly (readonly AuditEvent[])[],
): (readonly AuditEvent[])[] {
  return [suspects.map((suspect) => suspect.event), ...groups];
}
