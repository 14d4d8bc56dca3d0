import type { RunStatus } from "../diagnostics/run_status.ts";
import { traceSink } from "../diagnostics/trace_sink.ts";
import { traceStore } from "../diagnostics/trace_store.ts";
import { watchSink } from "../diagnostics/watch_sink.ts";
import { watchStore } from "../diagnostics/watch_store.ts";
import { observeAll } from "../pipeline/observe_all.ts";
import type { Commit } from "../pipeline/ports.ts";
import { decodeBulkPosition } from "../teleport/bulk_position.ts";
import { decodeLogPosition } from "../teleport/log_position.ts";
import type { Forwarding } from "./forwarding.ts";

/** The same forwarding, with account kept of it. */
export function watchRun(forwarding: Omit<Forwarding, "meter">): Forwarding {
  const { clock, config, observer, status, tracer } = forwarding;
  const store = tracer === undefined ? forwarding.store : traceStore(forwarding.store, tracer);
  const sinkFor = (url: string) => {
    const sink = forwarding.sinkFor(url);
    return tracer === undefined ? sink : traceSink(sink, tracer);
  };
  return {
    ...forwarding,
    meter: status,
    observer: observeAll([observer, status]),
    store: watchStore(store, {
      observer: status,
      onCommit: (commit) => noteProgress(commit, status),
    }),
    sinkFor: (url) => {
      const stream = url === config.fluentdUrl ? "log" : "session";
      return watchSink(sinkFor(url), { stream, clock, observer: status });
    },
  };
}

/** A position of the log says up to when everything is done, also where there were no events. */
function noteProgress({ position, streamId }: Commit, status: RunStatus): void {
  if (streamId === "log") status.doneUntil(decodeLogPosition(position).fromMs);
  if (streamId !== "bulk") return;
  const { date, idleAtMs } = decodeBulkPosition(position);
  status.doneUntil(Date.parse(date));
  if (idleAtMs !== undefined) status.upToDate(streamId);
}
