import type { Delivery } from "../../src/core/delivery.ts";
import type { AuditEvent } from "../../src/core/event.ts";
import { BatchDelivery, type MoreEvents } from "../../src/pipeline/deliver_batch.ts";
import type { Evidence } from "../../src/pipeline/evidence.ts";
import { FakeClock } from "../support/fake_clock.ts";
import {
  type Answer,
  MemoryQuarantine,
  RecordingObserver,
  ScriptedSink,
} from "../support/pipeline_ports.ts";

export const DELIVERED: Delivery = { kind: "delivered" };
export const REJECTED: Delivery = {
  kind: "rejected",
  reason: "HTTP 400",
  remedy: "look at <parse>",
};
export const FAILED: Delivery = { kind: "retry", reason: "HTTP 500", suspect: true };

/** Delivers while a fake clock runs through every pause. */
export async function deliver(
  events: readonly AuditEvent[],
  answer: Answer,
  { more = "waiting", ...options }: {
    more?: (() => MoreEvents) | MoreEvents;
    haltOnRejected?: boolean;
    evidence?: Evidence;
  } = {},
) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sink = new ScriptedSink(answer);
  const quarantine = new MemoryQuarantine();
  const observer = new RecordingObserver();
  const delivery = new BatchDelivery({
    streamId: "test",
    sink,
    quarantine,
    observer,
    clock,
    stop: stop.signal,
    abort: new AbortController().signal,
    ...options,
  });
  let isDone = false;
  const delivering = delivery.deliver(events, true, typeof more === "function" ? more : () => more)
    .finally(() => isDone = true);
  // The end of the test is the end of the delivery, whether it throws or not.
  delivering.catch(() => {});
  for (let pauses = 0; !isDone && pauses < 200; pauses++) {
    await clock.advance(clock.nextWakeMs ?? 0);
  }
  if (!isDone) stop.abort(new Error("still trying"));
  const error = await delivering.then(() => undefined, (error) => error);
  return { sink, quarantine, observer, error, settledCount: delivery.settledCount };
}

/** Refuses each request that holds one of the given events. */
export function refuse(poison: readonly string[], refusal: Delivery = REJECTED): Answer {
  return (events) => events.some((event) => poison.includes(event.id)) ? refusal : DELIVERED;
}
