import type { Delivery } from "../core/delivery.ts";
import type { AuditEvent } from "../core/event.ts";
import type { Batch, PageQueue } from "./page_queue.ts";
import type { BatchLimits, HeldRequest, Sink } from "./ports.ts";

/** A request that is held, and for what. */
interface HeldEvents {
  readonly events: readonly AuditEvent[];
  readonly request: HeldRequest;
}

/**
 * Batches of one stream, and the sink to send them by, which knows what comes next: while a request is
 * under way, the next batch is taken as soon as a full one waits, and its request held ready. What a
 * receiver has taken is the same with and without it, at any moment.
 */
export class BatchesAhead implements Sink, Disposable {
  readonly limits: BatchLimits;
  readonly #queue: PageQueue;
  readonly #sink: Sink;
  /** Taken for the request that is under way, or for the next one at once. */
  #underWay: Batch[] = [];
  #next: Batch | undefined;
  #held: HeldEvents | undefined;

  constructor(queue: PageQueue, sink: Sink) {
    this.limits = sink.limits;
    this.#queue = queue;
    this.#sink = sink;
  }

  /** Whether all that the stream has was taken. */
  get isAtEnd(): boolean {
    return this.#next === undefined && this.#queue.isAtEnd;
  }

  /** Waits for the next batch, as `PageQueue.take` does; those before it are on their way no more. */
  async take(): Promise<Batch | undefined> {
    for (const batch of this.#underWay) batch.release();
    this.#underWay = [];
    return this.#begin(this.#takeNext() ?? await this.#queue.take(this.limits));
  }

  /** The next batch if there is one, besides those that are under way. */
  takeNow(): Batch | undefined {
    return this.#begin(this.#takeNext() ?? this.#queue.takeNow(this.limits));
  }

  send(events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    const sending = this.#sink.send(events, signal, this.#takeHeld(events));
    if (this.#next === undefined) this.#queue.onFull(this.limits, () => this.#lookAhead());
    return sending;
  }

  /** Gives up what is held. */
  [Symbol.dispose](): void {
    this.#queue.onFull(this.limits, undefined);
    this.#held?.request.drop();
    this.#held = undefined;
  }

  #lookAhead(): void {
    const next = this.#queue.takeNow(this.limits)!;
    this.#next = next;
    if (next.events.length === 0 || next.events.some((event) => event.defect !== undefined)) return;
    this.#held?.request.drop();
    const request = this.#sink.hold?.(next.events);
    this.#held = request === undefined ? undefined : { events: next.events, request };
  }

  #takeNext(): Batch | undefined {
    this.#queue.onFull(this.limits, undefined);
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  #begin(batch: Batch | undefined): Batch | undefined {
    if (batch !== undefined) this.#underWay.push(batch);
    return batch;
  }

  /** What is held for these events: of one stream, those with the same beginning and length. */
  #takeHeld(events: readonly AuditEvent[]): HeldRequest | undefined {
    const held = this.#held;
    if (held === undefined || held.events.length !== events.length) return undefined;
    if (held.events[0] !== events[0]) return undefined;
    this.#held = undefined;
    return held.request;
  }
}
