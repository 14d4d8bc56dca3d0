import { createEventFilter } from "../core/event_filter.ts";
import { formatSessionUrl } from "../fluentd/session_url.ts";
import type { StreamSharing } from "../pipeline/ports.ts";
import { SessionScheduler } from "../pipeline/session_scheduler.ts";
import { SessionStream } from "../teleport/session_stream.ts";
import { createEvidence, forward, type Forwarding } from "./forwarding.ts";

const MAX_BYTES = 1024 * 1024;

/** Creates the scheduler that forwards session recordings, with `sharing` this replica's part. */
export function createSessionScheduler(
  forwarding: Forwarding,
  sharing: StreamSharing | undefined,
): SessionScheduler {
  const { clock, config, connection: { auditLog }, observer, stop, store } = forwarding;
  const filter = createEventFilter({ types: [], skipTypes: config.skipSessionTypes });
  // The URL of each session is another one, and the receiver behind it the same.
  const evidence = createEvidence(config);
  return new SessionScheduler({
    concurrency: config.concurrency,
    aside: evidence,
    clock,
    store,
    observer,
    stop,
    sharing,
    lookMs: config.leaseRetryMs,
    forward: (sessionId, position, stop) =>
      forward(forwarding, {
        stream: new SessionStream({
          auditLog,
          clock,
          idleMs: config.teleportTimeoutMs,
          sessionId,
        }),
        filter,
        evidence,
        url: formatSessionUrl(config.fluentdSessionUrl, sessionId),
        maxBytes: MAX_BYTES,
        stop,
      }, position),
  });
}
