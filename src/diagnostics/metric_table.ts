/** All names begin with this. */
export const METRIC_PREFIX = "teleport_event_handler_";

/** One metric, as it is shown to whoever scrapes. */
export interface Metric {
  readonly type: "counter" | "gauge" | "histogram";
  /** What it tells, in one sentence. Counters begin at zero with each start of the process. */
  readonly help: string;
  /** Labels and the values that each may take; undefined where the build or the runtime decides. */
  readonly labels?: { readonly [label: string]: readonly string[] | undefined };
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** The audit log, by pages or by chunks; session recordings. */
const STREAMS = ["log", "session"];
/** Parts that a metric of streams in a pool tells apart. */
const POOL_STATES = ["waiting", "active", "parked"];

/**
 * Every metric, once, by its name without the prefix; docs/monitoring.md holds the same table.
 *
 * No label takes a value that a peer invents: no event type, no id, no user, no URL.
 */
export const METRICS = {
  build_info: {
    type: "gauge",
    help: "The version that runs; the value is always 1",
    labels: { version: undefined, deno_version: undefined },
  },
  ready: { type: "gauge", help: "1 when every condition of /readyz holds, otherwise 0" },
  condition: {
    type: "gauge",
    help: "1 for each condition of /readyz that holds, 0 for each that does not",
    labels: {
      condition: [
        "running",
        "teleport",
        "receiver",
        "receiver-setup",
        "store",
        "credentials",
        "progress",
      ],
    },
  },

  events_received_total: {
    type: "counter",
    help: "Events read from Teleport; some are read again after a fault",
    labels: { stream: STREAMS },
  },
  events_delivered_total: {
    type: "counter",
    help: "Events that the receiver accepted",
    labels: { stream: STREAMS },
  },
  events_filtered_total: {
    type: "counter",
    help: "Events that the settings leave out",
    labels: { stream: STREAMS },
  },
  events_quarantined_total: {
    type: "counter",
    help: "Events put into quarantine: refused by the receiver, or not to be written as JSON",
    labels: { stream: STREAMS, reason: ["refused", "unreadable"] },
  },
  quarantine_events: {
    type: "gauge",
    help: "Events that lie in quarantine, those of earlier runs included",
  },

  requests_total: {
    type: "counter",
    help: "Requests to the receiver, by what became of them",
    labels: {
      stream: STREAMS,
      result: ["delivered", "retry", "rejected", "misconfigured", "aborted"],
    },
  },
  request_duration_seconds: {
    type: "histogram",
    help: "Time from the start of a request to the receiver until its answer, whatever it was",
    labels: { stream: STREAMS },
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  request_events: {
    type: "histogram",
    help: "Events in a request to the receiver",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000],
  },
  request_bytes: {
    type: "histogram",
    help: "Bytes of payload in a request to the receiver",
    buckets: [1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216],
  },
  delivery_delay_seconds: {
    type: "histogram",
    help: "Time of the audit log's events, on the server's clock, until the receiver accepted them",
    buckets: [0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400],
  },
  retries_total: {
    type: "counter",
    help: "Pauses before another attempt, by what failed",
    labels: { peer: ["teleport", "receiver", "store"] },
  },
  stalls_total: { type: "counter", help: "Times that a stream was found to make no progress" },

  queue_events: { type: "gauge", help: "Events read and not yet taken into a request" },
  queue_bytes: { type: "gauge", help: "Memory that those events count for" },
  inflight_events: { type: "gauge", help: "Events in requests that wait for their answer" },

  lag_seconds: {
    type: "gauge",
    help: "How far delivery is behind: all that Teleport had so long ago is delivered",
  },
  caught_up: {
    type: "gauge",
    help: "1 when delivery has caught up with Teleport and has not fallen behind since",
  },
  last_event_timestamp_seconds: {
    type: "gauge",
    help: "Time of the audit log's event delivered last, as the event tells it",
  },
  last_delivery_timestamp_seconds: {
    type: "gauge",
    help: "When the receiver last accepted events, on the clock here",
  },
  last_answer_timestamp_seconds: {
    type: "gauge",
    help: "When Teleport last answered about the audit log, on the clock here",
  },

  commits_total: {
    type: "counter",
    help: "Attempts to store how far a stream got",
    labels: { result: ["stored", "failed"] },
  },
  last_commit_timestamp_seconds: {
    type: "gauge",
    help: "When it was last stored how far a stream got, on the clock here",
  },

  session_recordings: {
    type: "gauge",
    help: "Session recordings to forward, by whether they wait, are read, or wait for another try",
    labels: { state: POOL_STATES },
  },
  session_recordings_total: {
    type: "counter",
    help: "Session recordings that came to an end: sent whole, or given up",
    labels: { result: ["sent", "given_up"] },
  },
  chunks: {
    type: "gauge",
    help: "Known chunks of a bulk export that are not done",
    labels: { state: POOL_STATES },
  },

  certificate_expiry_timestamp_seconds: {
    type: "gauge",
    help: "End of the life of a certificate in use",
    labels: { name: ["teleport_client", "teleport_ca", "fluentd_client", "fluentd_ca"] },
  },

  leader: {
    type: "gauge",
    help: "1 when this replica reads the audit log, 0 when another one does",
  },
  leader_epoch: {
    type: "gauge",
    help: "Number of the leader, one more with each; told by the one that leads",
  },
  replicas: { type: "gauge", help: "Replicas that this one sees, itself included" },
  claims: {
    type: "gauge",
    help: "Recordings and chunks that this replica has claimed to forward them",
  },
  takeovers_total: {
    type: "counter",
    help: "Streams that this replica took over from one that is gone, the audit log included",
  },
  fenced_writes_total: {
    type: "counter",
    help: "Writes that the store refused because another replica had taken over",
  },

  heap_used_bytes: { type: "gauge", help: "JavaScript heap in use" },
  heap_size_bytes: { type: "gauge", help: "JavaScript heap held" },
  external_memory_bytes: { type: "gauge", help: "Memory that JavaScript objects hold outside" },
} as const satisfies { readonly [name: string]: Metric };

/** Name of a metric without the prefix. */
export type MetricName = keyof typeof METRICS;

/** Those whose names are a convention of all programs, and so without the prefix. */
export const PROCESS_METRICS = {
  process_cpu_seconds_total: { type: "counter", help: "User and system CPU time spent" },
  process_resident_memory_bytes: { type: "gauge", help: "Resident memory" },
  process_start_time_seconds: { type: "gauge", help: "Start of the process since the epoch" },
} as const satisfies { readonly [name: string]: Metric };

/** Name of a metric of the process. */
export type ProcessMetricName = keyof typeof PROCESS_METRICS;
