import type { Delivery } from "../core/delivery.ts";
import type { BatchLimits, Sink } from "./ports.ts";

/** Takes every event and sends it nowhere. */
export class DryRunSink implements Sink {
  readonly limits: BatchLimits;

  constructor(limits: BatchLimits) {
    this.limits = limits;
  }

  send(): Promise<Delivery> {
    return Promise.resolve({ kind: "delivered" });
  }
}
