import { FluentdLanes, FluentdSink } from "../fluentd/fluentd_sink.ts";
import { DryRunSink } from "../pipeline/dry_run.ts";
import type { Sink } from "../pipeline/ports.ts";
import type { ForwardLogInput } from "./forward_log.ts";
import { VERSION } from "./version.ts";

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The sinks of the run share their lanes. */
export function createSinks(
  input: Pick<ForwardLogInput, "clock" | "config" | "logger" | "receiverTls">,
  cleanup: DisposableStack,
): (url: string) => Sink {
  const { clock, config, logger, receiverTls } = input;
  const limits = { maxEvents: config.fluentdBatchEvents, maxBytes: MAX_BODY_BYTES };
  if (config.dryRun) return () => new DryRunSink(limits);
  const lanes = cleanup.use(
    new FluentdLanes({
      tls: receiverTls,
      userAgent: `teleport-event-handler/${VERSION}`,
      timeoutMs: config.fluentdTimeoutMs,
      clock,
      logger,
      maxLanes: config.fluentdMaxConnections || config.concurrency * 2,
    }),
  );
  return (url) => new FluentdSink({ lanes, url, limits });
}
