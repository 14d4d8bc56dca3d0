import { Backoff } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Delivery } from "../core/delivery.ts";
import { type AuditEvent, formatEventTime } from "../core/event.ts";
import { Fault, formatError } from "../core/fault.ts";
import { Evidence } from "./evidence.ts";
import type { PipelineObserver, Quarantine, Sink } from "./ports.ts";

/** What delivery needs besides the events. */
export interface DeliveryContext {
  readonly streamId: string;
  readonly sink: Sink;
  readonly quarantine: Quarantine;
  /** What the receiver took of all streams that it takes alike. @default {of this one alone} */
  readonly evidence?: Evidence | undefined;
  /** Whether a refused event ends the delivery before it, in place of going to quarantine. */
  readonly haltOnRejected?: boolean | undefined;
  readonly observer: PipelineObserver;
  readonly clock: Clock;
  /** Ends pauses: no further attempt is made. */
  readonly stop: AbortSignal;
  /** Gives up the request under way. */
  readonly abort: AbortSignal;
}

/** More events of the same stream: some, none at the moment, none ever, or none in this reading. */
export type MoreEvents = readonly AuditEvent[] | "waiting" | "ended" | "broken off";

/** Thrown when events wait for others to be compared with, and reading was broken off before any. */
export class NothingToCompare extends Error {
  constructor() {
    super("Reading was broken off before an event could be compared with others");
    this.name = "NothingToCompare";
  }
}

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
  readonly remedy?: string | undefined;
  /** Refused for good, as against failing again and again. */
  readonly definite: boolean;
  /** What the evidence counted when it was refused. */
  readonly acceptedBefore: number;
}

type Rejection = Delivery & { readonly kind: "rejected" };

/**
 * Delivers events of one stream, in order, one request at a time, until each was taken by the
 * receiver or lies in quarantine. It waits for as long as the receiver is away.
 *
 * A request that is refused is halved until the event at fault stands alone. That event goes to
 * quarantine only when the receiver has accepted another one in the meantime: a receiver that refuses
 * everything is set up wrong, and no event is to blame. Where no other event is at hand, `takeMore` is
 * asked for some; at the end of the stream, what was accepted before may have to do.
 *
 * With `haltOnRejected` an event that is refused for good ends the delivery at once, and nothing
 * behind it is sent: it may still come in its order when the receiver takes it one day.
 */
export class BatchDelivery {
  readonly #context: DeliveryContext;
  readonly #backoff = new Backoff();
  readonly #lastingBackoff = new Backoff({ firstMs: 2000, maxMs: 60_000 });
  readonly #evidence: Evidence;
  #failedAttempts = 0;
  /** What the call under way has to deliver, in order. */
  #events: readonly AuditEvent[] = [];
  /** Parts of it that are still to be sent, each as one request, in order. */
  #groups: (readonly AuditEvent[])[] = [];
  /** What was set aside of it, in order; all of it comes before the groups. */
  #suspects: Suspect[] = [];

  constructor(context: DeliveryContext) {
    this.#context = context;
    this.#evidence = context.evidence ?? new Evidence();
  }

  /** How many events of the last call, from its first on, are delivered or in quarantine. */
  get settledCount(): number {
    const next = this.#suspects[0]?.event ?? this.#groups[0]?.[0];
    return next === undefined ? this.#events.length : this.#events.indexOf(next);
  }

  /**
   * @throws `stop.reason` or `abort.reason`; some of the events may have been delivered then.
   * @throws {Fault} of kind `rejected` with `haltOnRejected`; `settledCount` tells how far it got.
   * @throws {NothingToCompare} likewise.
   */
  async deliver(
    events: readonly AuditEvent[],
    backlog: boolean,
    takeMore: () => MoreEvents,
  ): Promise<void> {
    this.#events = [];
    this.#suspects = [];
    this.#groups = [];
    this.#add(events);
    let attempts = 0;
    while (this.#groups.length > 0 || this.#suspects.length > 0) {
      const group = this.#groups[0];
      if (group === undefined) {
        await this.#lookForEvidence(takeMore(), backlog);
        continue;
      }
      const { defect } = group[0]!;
      if (defect !== undefined) {
        await this.#reject(group[0]!, defect.reason);
        this.#groups.shift();
        continue;
      }
      const delivery = await this.#context.sink.send(group, this.#context.abort);
      switch (delivery.kind) {
        case "delivered":
          this.#groups.shift();
          attempts = 0;
          this.#delivered(group, backlog);
          await this.#settleSuspects(backlog);
          break;
        case "rejected":
          attempts = 0;
          if (group.length > 1) this.#halve();
          else await this.#suspect(group[0]!, delivery);
          break;
        case "retry":
          attempts++;
          await this.#pause(delivery.reason, { lasting: false, afterMs: delivery.afterMs });
          if (!delivery.suspect) break;
          if (this.#suspects.some((suspect) => !suspect.definite)) {
            // The next event fails as well: it is the receiver, not the event that was set aside.
            this.#putBack();
          } else if (group.length > 1 && attempts >= ATTEMPTS_BEFORE_NARROWING) {
            this.#halve();
            attempts = 0;
          } else if (group.length === 1 && attempts >= ATTEMPTS_BEFORE_SUSPICION) {
            if (this.#groups.length === 1) {
              const more = takeMore();
              if (more === "broken off") throw new NothingToCompare();
              if (typeof more === "string") break;
              this.#add(more);
            }
            this.#groups.shift();
            this.#setAside({ event: group[0]!, reason: delivery.reason, definite: false });
            attempts = 0;
          }
          break;
        case "misconfigured":
          await this.#pause(withRemedy(delivery), { lasting: true });
          break;
      }
    }
  }

  /** Adds events behind all others; one without a payload stands alone. */
  #add(events: readonly AuditEvent[]): void {
    this.#events = [...this.#events, ...events];
    let start = 0;
    for (let at = 0; at <= events.length; at++) {
      if (at < events.length && events[at]!.defect === undefined) continue;
      if (at > start) this.#groups.push(events.slice(start, at));
      if (at < events.length) this.#groups.push([events[at]!]);
      start = at + 1;
    }
  }

  /** A single event was refused for good. */
  async #suspect(event: AuditEvent, { reason, remedy }: Rejection): Promise<void> {
    if (this.#context.haltOnRejected) await this.#reject(event, reason);
    this.#groups.shift();
    this.#setAside({ event, reason, remedy, definite: true });
    if (this.#suspects.length < MAX_SUSPECTS) return;
    await this.#pause(`every event is refused (${reason})${formatRemedy(remedy)}`, {
      lasting: true,
    });
    this.#putBack();
  }

  #setAside(suspect: Omit<Suspect, "acceptedBefore">): void {
    this.#suspects.push({ ...suspect, acceptedBefore: this.#evidence.acceptedCount });
  }

  /** There are suspects and nothing else: with more events, the receiver may show what it thinks. */
  async #lookForEvidence(more: MoreEvents, backlog: boolean): Promise<void> {
    if (typeof more !== "string") return this.#add(more);
    const { acceptedBefore, reason, remedy } = this.#suspects.at(-1)!;
    const isProved = () => this.#evidence.acceptedCount > acceptedBefore;
    // Meanwhile another stream may have had an event accepted.
    if (isProved()) return await this.#settleSuspects(backlog);
    if (more === "ended" && this.#evidence.tryEnd()) return await this.#rejectSuspects();
    if (more === "broken off") throw new NothingToCompare();
    const wait = () =>
      this.#pause(
        `an event is refused, and there is no other yet to compare it with (${reason})` +
          formatRemedy(remedy),
        { lasting: true },
      );
    await (more === "ended" ? this.#evidence.waitAtEnd(wait) : wait());
    if (isProved()) await this.#settleSuspects(backlog);
    else this.#putBack();
  }

  async #rejectSuspects(): Promise<void> {
    while (this.#suspects.length > 0) {
      const { event, reason } = this.#suspects[0]!;
      await this.#reject(event, reason);
      this.#suspects.shift();
    }
  }

  /**
   * The receiver accepted another event, so a suspect that is refused once more is guilty. One that is
   * taken now was refused as all others were, before someone mended the receiver.
   */
  async #settleSuspects(backlog: boolean): Promise<void> {
    while (this.#suspects.length > 0) {
      const { event, reason } = this.#suspects[0]!;
      if (await this.#isTaken(event)) this.#delivered([event], backlog);
      else await this.#reject(event, reason);
      this.#suspects.shift();
    }
  }

  /** Sends an event once more; waits for the receiver where it fails by something else. */
  async #isTaken(event: AuditEvent): Promise<boolean> {
    while (true) {
      const delivery = await this.#context.sink.send([event], this.#context.abort);
      if (delivery.kind === "delivered") return true;
      if (delivery.kind === "rejected") return false;
      if (delivery.kind === "retry" && delivery.suspect) return false;
      if (delivery.kind === "misconfigured") {
        await this.#pause(withRemedy(delivery), { lasting: true });
      } else {
        await this.#pause(delivery.reason, { lasting: false, afterMs: delivery.afterMs });
      }
    }
  }

  /** Parts the request that is next into two. */
  #halve(): void {
    const group = this.#groups[0]!;
    const middle = Math.ceil(group.length / 2);
    this.#groups.splice(0, 1, group.slice(0, middle), group.slice(middle));
  }

  /** The suspects as one group again, before the others: their order is that of the stream. */
  #putBack(): void {
    this.#groups.unshift(this.#suspects.map((suspect) => suspect.event));
    this.#suspects = [];
  }

  #delivered(events: readonly AuditEvent[], backlog: boolean): void {
    const { observer, streamId } = this.#context;
    if (this.#failedAttempts > 0) observer.recovered(streamId, "receiver", this.#failedAttempts);
    this.#failedAttempts = 0;
    this.#evidence.noteAccepted();
    this.#backoff.reset();
    this.#lastingBackoff.reset();
    observer.delivered(streamId, events, backlog);
  }

  async #reject(event: AuditEvent, reason: string): Promise<void> {
    const { clock, haltOnRejected, observer, quarantine, stop, streamId } = this.#context;
    if (haltOnRejected) throw describeHalt(event, reason);
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
          { streamId, peer: "state", attempt, reason: formatError(error), delayMs, lasting: true },
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

function withRemedy({ reason, remedy }: { reason: string; remedy?: string }): string {
  return `${reason}${formatRemedy(remedy)}`;
}

function formatRemedy(remedy: string | undefined): string {
  return remedy === undefined ? "" : `; ${remedy}`;
}

function describeHalt(event: AuditEvent, reason: string): Fault {
  const which = `'${event.id}' (${event.type}, ${formatEventTime(event.timeMs)})`;
  return new Fault("rejected", `The event ${which} is refused: ${reason}`, {
    hint: 'The export ends before it, because on-rejected is "halt", and the next start tries it ' +
      "again. Mend what the reason says, or start with --on-rejected quarantine to set it aside",
  });
}
