import type { Delivery } from "../core/delivery.ts";
import type { BatchLimits, Quarantine, Sink } from "./ports.ts";

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

/** Keeps nothing: what would go to quarantine is told to the observer, as it is in a real run. */
export class DryRunQuarantine implements Quarantine {
  put(): Promise<void> {
    return Promise.resolve();
  }
}
