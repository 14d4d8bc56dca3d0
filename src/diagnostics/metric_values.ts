import type { MetricName } from "./metric_table.ts";
import { judgeReadiness } from "./readiness.ts";
import type { EventCounts, RunSnapshot, StreamClass, StreamCounts } from "./run_snapshot.ts";

/** Metrics that are observed one by one; all others can be read off a snapshot. */
export type HistogramName =
  | "request_duration_seconds"
  | "request_events"
  | "request_bytes"
  | "delivery_delay_seconds";

/** Metrics that a snapshot holds. */
export type ValueName = Exclude<MetricName, HistogramName>;

/** A value of a metric, with its labels. */
export interface MetricValue {
  readonly value: number;
  readonly labels?: { readonly [label: string]: string };
}

type Values = readonly MetricValue[];

/** Reads every metric off a snapshot; one whose value is not known has none. */
export function readMetricValues(
  run: RunSnapshot,
  runtime: { readonly denoVersion: string; readonly memory: Deno.MemoryUsage },
): { readonly [name in ValueName]: Values } {
  const conditions = judgeReadiness(run);
  const { denoVersion, memory } = runtime;
  return {
    build_info: [{ value: 1, labels: { version: run.version, deno_version: denoVersion } }],
    ready: one(conditions.every(({ problem }) => problem === undefined) ? 1 : 0),
    condition: conditions.map(({ name, problem }) => ({
      value: problem === undefined ? 1 : 0,
      labels: { condition: name },
    })),
    events_received_total: byStream(run, ({ received }) => received),
    events_delivered_total: byStream(run, ({ delivered }) => delivered),
    events_filtered_total: byStream(run, ({ filtered }) => filtered),
    events_quarantined_total: (["refused", "unreadable"] as const).flatMap((reason) =>
      byStream(run, (counts) => counts[reason], { reason })
    ),
    quarantine_events: one(run.quarantined),
    requests_total: (["delivered", "retry", "rejected", "misconfigured", "aborted"] as const)
      .flatMap((result) => byStream(run, ({ requests }) => requests[result], { result })),
    retries_total: [
      { value: run.retries.source, labels: { peer: "teleport" } },
      { value: run.retries.receiver, labels: { peer: "receiver" } },
      { value: run.retries.state, labels: { peer: "store" } },
    ],
    stalls_total: one(run.stallCount),
    queue_events: one(run.queue.events),
    queue_bytes: one(run.queue.bytes),
    inflight_events: one(run.inFlightEvents),
    lag_seconds: seconds(run.lagMs),
    // Who follows does not know how far the leader is.
    caught_up: one(isFollowing(run) ? undefined : run.isCaughtUp ? 1 : 0),
    last_event_timestamp_seconds: seconds(run.lastEvent?.timeMs),
    last_delivery_timestamp_seconds: seconds(run.lastDeliveredAtMs),
    last_answer_timestamp_seconds: seconds(run.lastAnswerAtMs),
    commits_total: [
      { value: run.commits.stored, labels: { result: "stored" } },
      { value: run.commits.failed, labels: { result: "failed" } },
    ],
    last_commit_timestamp_seconds: seconds(run.lastCommitAtMs),
    session_recordings: byState(run.sessions),
    session_recordings_total: [
      { value: run.sessionsSent, labels: { result: "sent" } },
      { value: run.sessionsGivenUp, labels: { result: "given_up" } },
    ],
    chunks: byState(run.chunks),
    certificate_expiry_timestamp_seconds: run.credentials.map(({ name, notAfterMs }) => ({
      value: notAfterMs / 1000,
      labels: { name },
    })),
    leader: one(run.replica && (run.replica.role === "leader" ? 1 : 0)),
    leader_epoch: one(run.replica?.epoch),
    replicas: one(run.replica?.replicas.length),
    claims: one(run.replica?.claims),
    takeovers_total: one(run.replica?.takeovers),
    fenced_writes_total: one(run.replica?.fencedWrites),
    heap_used_bytes: one(memory.heapUsed),
    heap_size_bytes: one(memory.heapTotal),
    external_memory_bytes: one(memory.external),
  };
}

function isFollowing({ replica }: RunSnapshot): boolean {
  return replica !== undefined && replica.role !== "leader";
}

function one(value: number | undefined): Values {
  return value === undefined ? [] : [{ value }];
}

function seconds(ms: number | undefined): Values {
  return ms === undefined ? [] : [{ value: ms / 1000 }];
}

function byStream(
  run: RunSnapshot,
  read: (counts: EventCounts) => number,
  labels: { readonly [label: string]: string } = {},
): Values {
  const streams: readonly StreamClass[] = ["log", "session"];
  return streams.map((stream) => ({
    value: read(run.events[stream]),
    labels: { stream, ...labels },
  }));
}

function byState(counts: StreamCounts | undefined): Values {
  if (counts === undefined) return [];
  const { parked, ready, running } = counts;
  return [
    { value: ready, labels: { state: "waiting" } },
    { value: running, labels: { state: "active" } },
    { value: parked, labels: { state: "parked" } },
  ];
}
