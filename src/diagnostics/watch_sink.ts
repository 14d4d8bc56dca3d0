import type { Clock } from "../core/clock.ts";
import { type AuditEvent, jsonLength } from "../core/event.ts";
import type { Sink } from "../pipeline/ports.ts";
import type { RunObserver } from "./run_observer.ts";
import type { RequestResult, StreamClass } from "./run_snapshot.ts";

/** Who is told of the requests of a sink. */
export interface WatchSinkOptions {
  readonly stream: StreamClass;
  readonly clock: Clock;
  readonly observer: Pick<RunObserver, "sending" | "sent">;
}

/** The same sink, with a word about each request. */
export function watchSink(sink: Sink, { clock, observer, stream }: WatchSinkOptions): Sink {
  return {
    limits: sink.limits,
    async send(events, signal, held) {
      const startMs = clock.monotonicMs();
      let result: RequestResult = "aborted";
      observer.sending(events.length);
      try {
        const delivery = await sink.send(events, signal, held);
        result = delivery.kind;
        return delivery;
      } finally {
        const durationMs = clock.monotonicMs() - startMs;
        const bytes = countBytes(events);
        observer.sent({ stream, events: events.length, bytes, durationMs, result });
      }
    },
    hold: (events) => sink.hold?.(events),
  };
}

function countBytes(events: readonly AuditEvent[]): number {
  let bytes = 0;
  for (const event of events) bytes += jsonLength(event);
  return bytes;
}
