import process from "node:process";
import { Counter, Gauge, Histogram, type OpenMetricsContentType, Registry } from "prom-client";
import type { AuditEvent } from "../core/event.ts";
import { EventHistogram } from "./event_histogram.ts";
import { type Metric, METRIC_PREFIX, METRICS, PROCESS_METRICS } from "./metric_table.ts";
import { type MetricValue, readMetricValues } from "./metric_values.ts";
import type { EndedRequest, RunMeasures } from "./run_observer.ts";
import type { RunSnapshot } from "./run_snapshot.ts";

/** Text for whoever scrapes. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/**
 * The metrics in Prometheus' forms. Totals are read off a snapshot when somebody scrapes, so that they
 * cost nothing before and agree with the status page; durations and sizes are observed as they come.
 */
export class PrometheusMetrics implements RunMeasures {
  readonly #prometheus = new Registry();
  readonly #openMetrics = new Registry<OpenMetricsContentType>();
  readonly #values = new Map<string, Counter | Gauge>();
  readonly #labelled = new Set<string>();
  readonly #requestDuration: Histogram;
  readonly #requestEvents: Histogram;
  readonly #requestBytes: Histogram;
  readonly #deliveryDelay: EventHistogram;
  readonly #startedAtMs: number;

  /** `startedAtMs` is when the process began. */
  constructor({ startedAtMs }: { readonly startedAtMs: number }) {
    this.#startedAtMs = startedAtMs;
    this.#openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const [name, metric] of Object.entries<Metric>(METRICS)) {
      if (metric.type !== "histogram") this.#createValue(METRIC_PREFIX + name, metric);
    }
    for (const [name, metric] of Object.entries<Metric>(PROCESS_METRICS)) {
      this.#createValue(name, metric);
    }
    this.#requestDuration = this.#createHistogram("request_duration_seconds");
    this.#requestEvents = this.#createHistogram("request_events");
    this.#requestBytes = this.#createHistogram("request_bytes");
    const { buckets, help } = METRICS.delivery_delay_seconds;
    const name = `${METRIC_PREFIX}delivery_delay_seconds`;
    this.#deliveryDelay = new EventHistogram({ name, help, buckets });
    for (const registry of [this.#prometheus, this.#openMetrics]) {
      registry.registerMetric(this.#deliveryDelay as unknown as Histogram);
    }
  }

  sent({ bytes, durationMs, events, stream }: EndedRequest): void {
    this.#requestDuration.observe({ stream }, durationMs / 1000);
    this.#requestEvents.observe(events);
    this.#requestBytes.observe(bytes);
  }

  accepted(events: readonly AuditEvent[], serverNowMs: number): void {
    for (const { timeMs } of events) {
      // Who has no time, or one of the future, has no delay.
      if (!(timeMs > 0)) continue;
      this.#deliveryDelay.observe(Math.max(0, serverNowMs - timeMs) / 1000);
    }
  }

  /** Writes everything in one of the two forms. */
  async render(run: RunSnapshot, form: "prometheus" | "openmetrics"): Promise<Exposition> {
    const runtime = { denoVersion: Deno.version.deno, memory: Deno.memoryUsage() };
    for (const [name, values] of Object.entries(readMetricValues(run, runtime))) {
      this.#put(METRIC_PREFIX + name, values);
    }
    const { system, user } = process.cpuUsage();
    this.#put("process_cpu_seconds_total", [{ value: (system + user) / 1e6 }]);
    this.#put("process_resident_memory_bytes", [{ value: runtime.memory.rss }]);
    this.#put("process_start_time_seconds", [{ value: this.#startedAtMs / 1000 }]);
    const registry = form === "openmetrics" ? this.#openMetrics : this.#prometheus;
    return { contentType: registry.contentType, text: await registry.metrics() };
  }

  #createValue(name: string, metric: Metric): void {
    if (metric.labels !== undefined) this.#labelled.add(name);
    const Kind = metric.type === "counter" ? Counter : Gauge;
    this.#values.set(name, new Kind(this.#configOf(name, metric)));
  }

  #createHistogram(name: keyof typeof METRICS): Histogram {
    const metric: Metric = METRICS[name];
    return new Histogram({
      ...this.#configOf(METRIC_PREFIX + name, metric),
      buckets: [...metric.buckets ?? []],
    });
  }

  #configOf(name: string, { help, labels, type }: Metric) {
    return {
      name,
      // What a counter had before a restart is gone, and whoever reads it should know.
      help: type === "counter" ? `${help}, since the start` : help,
      labelNames: Object.keys(labels ?? {}),
      // The library types a registry by the form that it writes; a metric does not care.
      registers: [this.#prometheus, this.#openMetrics] as unknown as [Registry],
    };
  }

  #put(name: string, values: readonly MetricValue[]): void {
    const metric = this.#values.get(name)!;
    metric.reset();
    // A reset puts a zero in the place of a value without labels, which nobody has said.
    if (values.length === 0 && !this.#labelled.has(name)) metric.remove();
    for (const { labels, value } of values) metric.inc(labels ?? {}, value);
  }
}
