import type { Sink } from "./ports.ts";

/** The right to act for a while. */
export interface Lease {
  /** Whether it is held at this moment. */
  readonly isHeld: boolean;
  /** Aborted when it is lost; the reason says why. */
  readonly lost: AbortSignal;
}

/**
 * The same sink, for as long as a lease is held. It is looked at before each request, because a process
 * that was stopped for a while goes on where it was, and its timers come later.
 */
export function leasedSink(sink: Sink, lease: Lease): Sink {
  return {
    limits: sink.limits,
    send(events, signal, held) {
      if (!lease.isHeld) {
        held?.drop();
        return Promise.reject(lease.lost.reason);
      }
      return sink.send(events, signal, held);
    },
    hold: (events) => sink.hold?.(events),
  };
}
