import type { Delivery } from "../core/delivery.ts";
import type { AuditEvent } from "../core/event.ts";
import type { BatchLimits, Sink } from "../pipeline/ports.ts";
import { Lane, type LaneOptions, type ReceiverTls } from "./lane.ts";

/** A few lanes to one receiver, shared by all streams. */
export class FluentdLanes implements Disposable {
  #options: LaneOptions;
  readonly #maxLanes: number;
  readonly #lanes: Lane[] = [];
  readonly #free: Lane[] = [];
  readonly #waiting: ((lane: Lane) => void)[] = [];

  constructor(options: LaneOptions & { readonly maxLanes: number }) {
    this.#options = options;
    this.#maxLanes = options.maxLanes;
  }

  /** Posts events over a lane that is free, or over the first that becomes free. */
  async post(url: string, events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    signal.throwIfAborted();
    const lane = await this.#acquire(signal);
    try {
      return await lane.post(url, events, signal);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(lane);
      else next(lane);
    }
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
  #acquire(signal: AbortSignal): Lane | Promise<Lane> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#lanes.length < this.#maxLanes) {
      const lane = new Lane(this.#options);
      this.#lanes.push(lane);
      return lane;
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

  send(events: readonly AuditEvent[], signal: AbortSignal): Promise<Delivery> {
    return this.#lanes.post(this.#url, events, signal);
  }
}
