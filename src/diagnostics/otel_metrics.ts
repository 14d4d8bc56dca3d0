import { type Counter, type Gauge, type Histogram, metrics } from "@opentelemetry/api";
import type { AuditEvent } from "../core/event.ts";
import { type Metric, METRIC_PREFIX, METRICS } from "./metric_table.ts";
import { type MetricValue, readMetricValues } from "./metric_values.ts";
import { INSTRUMENTATION } from "./otel_runtime.ts";
import type { EndedRequest, RunMeasures } from "./run_observer.ts";
import type { RunSnapshot } from "./run_snapshot.ts";

/**
 * The metrics of /metrics by the runtime's own OpenTelemetry, under the same names. Totals are taken
 * from a snapshot whenever `record` is called: instruments that are asked at each export would lose
 * what came after the last one, because the runtime does not ask them when it ends.
 */
export class OtelMetrics implements RunMeasures {
  readonly #meter = metrics.getMeter(INSTRUMENTATION);
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  /** What of each counter was recorded before. */
  readonly #recorded = new Map<string, number>();

  constructor() {
    for (const [name, metric] of Object.entries<Metric>(METRICS)) {
      const { buckets, help: description, type } = metric;
      const fullName = METRIC_PREFIX + name;
      if (type === "counter") {
        this.#counters.set(name, this.#meter.createCounter(fullName, { description }));
      } else if (type === "gauge") {
        this.#gauges.set(name, this.#meter.createGauge(fullName, { description }));
      } else {
        const advice = { explicitBucketBoundaries: [...buckets ?? []] };
        const histogram = this.#meter.createHistogram(fullName, { description, advice });
        this.#histograms.set(name, histogram);
      }
    }
  }

  sent({ bytes, durationMs, events, stream }: EndedRequest): void {
    this.#histograms.get("request_duration_seconds")!.record(durationMs / 1000, { stream });
    this.#histograms.get("request_events")!.record(events);
    this.#histograms.get("request_bytes")!.record(bytes);
  }

  accepted(events: readonly AuditEvent[], serverNowMs: number): void {
    const histogram = this.#histograms.get("delivery_delay_seconds")!;
    for (const { timeMs } of events) {
      if (timeMs > 0) histogram.record(Math.max(0, serverNowMs - timeMs) / 1000);
    }
  }

  /** Records everything that a snapshot tells. */
  record(run: RunSnapshot): void {
    const runtime = { denoVersion: Deno.version.deno, memory: Deno.memoryUsage() };
    for (const [name, values] of Object.entries(readMetricValues(run, runtime))) {
      const gauge = this.#gauges.get(name);
      for (const value of values) {
        if (gauge === undefined) this.#count(name, value);
        else gauge.record(value.value, value.labels ?? {});
      }
    }
  }

  /** A counter takes what has been added since. */
  #count(name: string, { labels = {}, value }: MetricValue): void {
    const key = `${name} ${JSON.stringify(labels)}`;
    const added = value - (this.#recorded.get(key) ?? 0);
    if (added > 0) this.#counters.get(name)!.add(added, labels);
    this.#recorded.set(key, value);
  }
}
