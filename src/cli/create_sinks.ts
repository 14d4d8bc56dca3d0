import { FluentdLanes, FluentdSink } from "../fluentd/fluentd_sink.ts";
import type { ReceiverTls } from "../fluentd/lane.ts";
import { DryRunSink } from "../pipeline/dry_run.ts";
import type { Sink } from "../pipeline/ports.ts";
import type { ForwardLogInput } from "./forward_log.ts";
import { VERSION } from "./version.ts";

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** Where the events of a run go. */
export interface Sinks {
  /** The sink for a URL of the receiver. */
  readonly sinkFor: (url: string) => Sink;
  /** Uses other certificates from the next requests on. */
  readonly useTls: (tls: ReceiverTls) => void;
}

/** The sinks of the run share their lanes. */
export function createSinks(
  input:
    & Pick<ForwardLogInput, "clock" | "config" | "logger" | "receiverTls">
    & Partial<Pick<ForwardLogInput, "network">>,
  cleanup: DisposableStack,
): Sinks {
  const { clock, config, logger, network, receiverTls } = input;
  const limits = { maxEvents: config.fluentdBatchEvents, maxBytes: MAX_BODY_BYTES };
  if (config.dryRun) return { sinkFor: () => new DryRunSink(limits), useTls: () => {} };
  const lanes = cleanup.use(
    new FluentdLanes({
      tls: receiverTls,
      userAgent: `teleport-event-handler/${VERSION}`,
      timeoutMs: config.fluentdTimeoutMs,
      clock,
      logger,
      ...(network === undefined ? {} : { findHttpProxy: network.findHttpProxy }),
      maxLanes: config.fluentdMaxConnections || config.concurrency * 2,
    }),
  );
  return {
    sinkFor: (url) => new FluentdSink({ lanes, url, limits }),
    useTls: (tls) => lanes.useTls(tls),
  };
}
