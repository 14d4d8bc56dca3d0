import type { Delivery } from "../core/delivery.ts";
import type { AuditEvent } from "../core/event.ts";
import type { BatchLimits, HeldRequest, Sink } from "../pipeline/ports.ts";
import { Lane, type LaneOptions, type ReceiverTls } from "./lane.ts";

/** A few lanes to one receiver, shared by all streams. */
export class FluentdLanes implements Disposable {
  #options: LaneOptions;
  readonly #maxLanes: number;
  readonly #lanes: Lane[] = [];
  readonly #free: Lane[] = [];
  /** Requests that are held, the oldest first. */
  readonly #held = new Set<HeldPost>();
  #mayHold = true;
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(options: LaneOptions & { readonly maxLanes: number }) {
    this.#options = { ...options, onLate: () => this.#doWithOne() };
    this.#maxLanes = options.maxLanes;
  }

  /** Posts events over a lane that is free, or over the first that becomes free. */
  async post(
    url: string,
    events: readonly AuditEvent[],
    signal: AbortSignal,
    held?: HeldPost,
  ): Promise<Delivery> {
    if (signal.aborted) held?.drop();
    signal.throwIfAborted();
    const lane = held?.take() ?? await this.#acquire(signal);
    try {
      return await lane.post(url, events, signal);
    } finally {
      this.#giveBack(lane);
    }
  }

  /** Begins the request for events on a lane that nobody else wants, and holds back its end. */
  hold(url: string, events: readonly AuditEvent[]): HeldPost | undefined {
    const lane = this.#mayHold ? this.#findFree() : undefined;
    if (lane === undefined) return undefined;
    if (!lane.hold(url, events)) {
      this.#giveBack(lane);
      return undefined;
    }
    const held = new HeldPost(lane, {
      taken: () => this.#held.delete(held),
      dropped: (lane) => this.#giveBack(lane),
    });
    this.#held.add(held);
    return held;
  }

  /** Uses other certificates from the next request of each lane on; idle connections are closed. */
  useTls(tls: ReceiverTls): void {
    this.#options = { ...this.#options, tls };
    for (const lane of this.#lanes) lane.useTls(tls);
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane[Symbol.dispose]();
  }

  /** The lane used last comes first: few connections stay warm, the others fall idle. */
  #findFree(): Lane | undefined {
    const free = this.#free.pop();
    if (free !== undefined || this.#lanes.length === this.#maxLanes) return free;
    const lane = new Lane(this.#options);
    this.#lanes.push(lane);
    return lane;
  }

  /** Who has a request to send comes before requests that are held. */
  #acquire(signal: AbortSignal): Lane | Promise<Lane> {
    const free = this.#findFree();
    if (free !== undefined) return free;
    const [held] = this.#held;
    if (held !== undefined) {
      held.drop();
      return this.#free.pop()!;
    }
    return new Promise((resolve, reject) => {
      const take = (lane: Lane) => {
        signal.removeEventListener("abort", giveUp);
        resolve(lane);
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(take);
    });
  }

  /**
   * A receiver may serve one connection at a time, and wait for what comes over one on which nothing
   * will come: a request that is held, or none. It gets an end of both.
   */
  #doWithOne(): void {
    this.#mayHold = false;
    for (const held of [...this.#held]) held.drop();
    for (const lane of this.#free) lane.drop();
  }

  #giveBack(lane: Lane): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(lane);
    else next(lane);
  }
}

/** A request that is held on a lane. */
class HeldPost implements HeldRequest {
  #lane: Lane | undefined;
  readonly #owner: { taken(): void; dropped(lane: Lane): void };

  constructor(lane: Lane, owner: { taken(): void; dropped(lane: Lane): void }) {
    this.#lane = lane;
    this.#owner = owner;
  }

  /** The lane that holds it; undefined when it was given up meanwhile. */
  take(): Lane | undefined {
    const lane = this.#lane;
    this.#lane = undefined;
    this.#owner.taken();
    return lane;
  }

  drop(): void {
    const lane = this.take();
    lane?.drop();
    if (lane !== undefined) this.#owner.dropped(lane);
  }
}

/** Sends the events of a stream to one URL of the receiver. */
export class FluentdSink implements Sink {
  readonly limits: BatchLimits;
  readonly #lanes: FluentdLanes;
  readonly #url: string;

  constructor(
    options: { readonly lanes: FluentdLanes; readonly url: string; readonly limits: BatchLimits },
  ) {
    this.limits = options.limits;
    this.#lanes = options.lanes;
    this.#url = options.url;
  }

  send(
    events: readonly AuditEvent[],
    signal: AbortSignal,
    held?: HeldPost,
  ): Promise<Delivery> {
    return this.#lanes.post(this.#url, events, signal, held);
  }

  hold(events: readonly AuditEvent[]): HeldPost | undefined {
    return this.#lanes.hold(this.#url, events);
  }
}
