import assert from "node:assert/strict";
import {
  type Metric,
  METRIC_PREFIX,
  METRICS,
  PROCESS_METRICS,
} from "../../src/diagnostics/metric_table.ts";
import { readMetricValues } from "../../src/diagnostics/metric_values.ts";
import { PrometheusMetrics } from "../../src/diagnostics/prometheus_metrics.ts";
import { CONDITION_NAMES } from "../../src/diagnostics/readiness.ts";
import type { RunStatus } from "../../src/diagnostics/run_status.ts";
import { parseSamples } from "../support/diagnostics_client.ts";
import { peerTest } from "../support/peer.ts";
import { makePage } from "../support/pipeline_ports.ts";
import { eventAt, startRun } from "./run_rig.ts";

/** A run in which everything has happened once. */
function startBusyRun(): { status: RunStatus; metrics: PrometheusMetrics } {
  const { serverMs, status } = startRun();
  const metrics = new PrometheusMetrics({ startedAtMs: serverMs });
  status.measureWith(metrics);
  status.useMode("bulk");
  status.useSessions(() => ({ ready: 1, running: 2, parked: 3 }));
  status.useChunks(() => ({ ready: 4, running: 5, parked: 6 }));
  status.useCredentials({
    list: () => [{
      name: "fluentd_client",
      path: "client.crt",
      subject: "client",
      notBeforeMs: 0,
      notAfterMs: serverMs,
      replacedMs: undefined,
      problem: undefined,
    }],
  });
  status.foundQuarantined(7);
  status.readFrom(serverMs - 90_000);
  const events = [eventAt(serverMs - 90_000), eventAt(serverMs - 3000)];
  status.read("log", makePage(events, 0));
  status.sending(2);
  status.sent({ stream: "log", events: 2, bytes: 3000, durationMs: 20, result: "delivered" });
  status.delivered("log", events);
  status.committed();
  return { status, metrics };
}

async function scrape({ metrics, status }: ReturnType<typeof startBusyRun>) {
  return parseSamples((await metrics.render(status.snapshot(), "prometheus")).text);
}

Deno.test("PrometheusMetrics has every metric of the table, and no other, with HELP and TYPE", async () => {
  const { metrics, status } = startBusyRun();
  const { text } = await metrics.render(status.snapshot(), "prometheus");
  const expected = [
    ...Object.entries<Metric>(METRICS).map(([name, m]) => [METRIC_PREFIX + name, m] as const),
    ...Object.entries<Metric>(PROCESS_METRICS),
  ].map(([name, { help, type }]) => {
    const since = type === "counter" ? ", since the start" : "";
    return `# HELP ${name} ${help}${since}\n# TYPE ${name} ${type}`;
  });
  const heads = text.match(/^# HELP .*\n# TYPE .*$/gm);
  assert.deepEqual(heads?.toSorted(), expected.toSorted());
});

Deno.test("no label takes a value that is not in the table", async () => {
  const run = startBusyRun();
  for (const sample of (await scrape(run)).keys()) {
    const [, name, labels] = /^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})?$/.exec(sample)!;
    if (labels === undefined || !name!.startsWith(METRIC_PREFIX)) continue;
    const metric = METRICS[name!.slice(METRIC_PREFIX.length) as keyof typeof METRICS] as Metric;
    for (const [, label, value] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      if (label === "le") continue;
      assert.ok(Object.hasOwn(metric.labels ?? {}, label!), `${sample}: ${label}`);
      const values = metric.labels![label!];
      assert.ok(values === undefined || values.includes(value!), `${sample}: ${value}`);
    }
  }
});

Deno.test("the conditions of the table are those of /readyz", () => {
  assert.deepEqual(METRICS.condition.labels.condition, [...CONDITION_NAMES]);
});

Deno.test("PrometheusMetrics shows what the run knows, and durations and delays as they came", async () => {
  const samples = await scrape(startBusyRun());
  const values: [name: string, value: number][] = [
    ['events_delivered_total{stream="log"}', 2],
    ['requests_total{stream="log",result="delivered"}', 1],
    ["quarantine_events", 7],
    ["lag_seconds", 3],
    ['session_recordings{state="parked"}', 3],
    ['chunks{state="active"}', 5],
    ['request_duration_seconds_bucket{le="0.01",stream="log"}', 0],
    ['request_duration_seconds_bucket{le="0.025",stream="log"}', 1],
    ["request_bytes_sum", 3000],
    ["request_events_sum", 2],
    ['delivery_delay_seconds_bucket{le="2.5"}', 0],
    ['delivery_delay_seconds_bucket{le="5"}', 1],
    ['delivery_delay_seconds_bucket{le="300"}', 2],
    ['condition{condition="credentials"}', 0],
    ["ready", 0],
  ];
  for (const [name, value] of values) assert.equal(samples.get(METRIC_PREFIX + name), value, name);
  assert.ok(samples.get("process_resident_memory_bytes")! > 1e6);
  assert.ok(samples.get("process_cpu_seconds_total")! > 0);
});

Deno.test("PrometheusMetrics says nothing of what it does not know", async () => {
  const { serverMs, status } = startRun();
  const metrics = new PrometheusMetrics({ startedAtMs: serverMs });
  const samples = await scrape({ metrics, status });
  for (
    const name of [
      "lag_seconds",
      "last_event_timestamp_seconds",
      "quarantine_events",
      'chunks{state="active"}',
      'session_recordings{state="active"}',
    ]
  ) assert.equal(samples.has(METRIC_PREFIX + name), false, name);
});

Deno.test("counters do not begin anew with each scrape", async () => {
  const run = startBusyRun();
  const first = await scrape(run);
  const second = await scrape(run);
  const name = `${METRIC_PREFIX}events_delivered_total{stream="log"}`;
  assert.equal(second.get(name), first.get(name));
});

Deno.test("OpenMetrics has the same samples, and an end", async () => {
  const { metrics, status } = startBusyRun();
  const { contentType, text } = await metrics.render(status.snapshot(), "openmetrics");
  assert.match(contentType, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.match(text, /# EOF\n$/);
  assert.match(text, /^# TYPE teleport_event_handler_events_delivered counter$/m);
  assert.match(text, /^teleport_event_handler_events_delivered_total\{stream="log"\} 2$/m);
});

Deno.test("every value of a snapshot belongs to a metric, and every metric but histograms has one", () => {
  const runtime = { denoVersion: "1", memory: Deno.memoryUsage() };
  const names = Object.keys(readMetricValues(startBusyRun().status.snapshot(), runtime));
  const expected = Object.entries<Metric>(METRICS)
    .filter(([, { type }]) => type !== "histogram").map(([name]) => name);
  assert.deepEqual(names.toSorted(), expected.toSorted());
});

peerTest("promtool has nothing to say against the metrics", { needs: ["PROMTOOL"] }, async () => {
  const { metrics, status } = startBusyRun();
  const { text } = await metrics.render(status.snapshot(), "prometheus");
  const child = new Deno.Command(Deno.env.get("PROMTOOL")!, {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stderr, stdout } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.deepEqual([code, said], [0, ""]);
});
