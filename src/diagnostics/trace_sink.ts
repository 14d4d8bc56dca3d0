import type { Tracer } from "../core/tracer.ts";
import type { Sink } from "../pipeline/ports.ts";

/** The same sink, with a span for each request. The receiver's words are not told: they may quote events. */
export function traceSink(sink: Sink, tracer: Tracer): Sink {
  return {
    limits: sink.limits,
    async send(events, signal, held) {
      const span = tracer.start("post", { attributes: { events: events.length } });
      try {
        const delivery = await span.within(() => sink.send(events, signal, held));
        span.set({ outcome: delivery.kind });
        if (delivery.kind !== "delivered") span.fail(delivery.kind);
        return delivery;
      } catch (error) {
        span.set({ outcome: "aborted" });
        span.fail("aborted");
        throw error;
      } finally {
        span.end();
      }
    },
    hold: (events) => sink.hold?.(events),
  };
}
