import assert from "node:assert/strict";
import fc from "fast-check";
import { Histogram, Registry } from "prom-client";
import { EventHistogram } from "../../src/diagnostics/event_histogram.ts";
import { drawSeed } from "../support/seed.ts";

const OPTIONS = { name: "delay_seconds", help: "A delay", buckets: [0.5, 1, 10, 60] };

Deno.test("EventHistogram says what the library's histogram says of the same values, in both forms", async () => {
  const value = fc.oneof(
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.constantFrom(...OPTIONS.buckets, 0),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value), fc.boolean(), async (values, isOpenMetrics) => {
      const type = isOpenMetrics
        ? Registry.OPENMETRICS_CONTENT_TYPE
        : Registry.PROMETHEUS_CONTENT_TYPE;
      const theirs = new Registry();
      const ours = new Registry();
      for (const registry of [theirs, ours]) registry.setContentType(type as never);
      const expected = new Histogram({ ...OPTIONS, registers: [theirs] });
      const histogram = new EventHistogram(OPTIONS);
      ours.registerMetric(histogram as unknown as Histogram);
      for (const value of values) {
        expected.observe(value);
        histogram.observe(value);
      }
      assert.equal(await ours.metrics(), await theirs.metrics());
    }),
    { seed: drawSeed() },
  );
});
