import type { MetricObjectWithValues, MetricValueWithName } from "prom-client";

/** What a histogram is called, and its bounds. */
export interface EventHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, ascending. */
  readonly buckets: readonly number[];
}

/**
 * A histogram without labels that each event passes through: the library's own takes 0.4 µs for a
 * value, which is a hundredth of what an event costs in all.
 */
export class EventHistogram {
  readonly name: string;
  readonly #options: EventHistogramOptions;
  /** How many were in each bucket alone; the last one has no bound. */
  readonly #counts: number[];
  #sum = 0;
  #bucket = 0;

  constructor(options: EventHistogramOptions) {
    this.name = options.name;
    this.#options = options;
    this.#counts = Array(options.buckets.length + 1).fill(0);
  }

  observe(value: number): void {
    const { buckets } = this.#options;
    // Events come in the order of their times, so that the bucket is mostly that of the one before.
    let bucket = this.#bucket;
    while (bucket > 0 && value <= buckets[bucket - 1]!) bucket--;
    while (bucket < buckets.length && value > buckets[bucket]!) bucket++;
    this.#counts[bucket]!++;
    this.#sum += value;
    this.#bucket = bucket;
  }

  /** What the library's registry asks of a metric. */
  get(): Promise<MetricObjectWithValues<MetricValueWithName<"le">>> {
    const { buckets, help, name } = this.#options;
    let count = 0;
    const values: MetricValueWithName<"le">[] = this.#counts.map((own, bucket) => {
      count += own;
      const le = buckets[bucket] ?? "+Inf";
      return { labels: { le }, value: count, metricName: `${name}_bucket` };
    });
    values.push({ labels: {}, value: this.#sum, metricName: `${name}_sum` });
    values.push({ labels: {}, value: count, metricName: `${name}_count` });
    // The library's types have its enumerations, which do not exist when it runs.
    return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values } as never);
  }
}
