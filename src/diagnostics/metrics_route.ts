import { answer, type Route } from "./diagnostics_server.ts";
import type { PrometheusMetrics } from "./prometheus_metrics.ts";
import type { RunSnapshot } from "./run_snapshot.ts";

/** Answers `/metrics`: OpenMetrics where it is asked for, otherwise Prometheus' own text. */
export function createMetricsRoute(
  metrics: PrometheusMetrics,
  snapshot: () => RunSnapshot,
): Route {
  return async (request) => {
    const accept = request.headers.get("accept") ?? "";
    const form = accept.includes("application/openmetrics-text") ? "openmetrics" : "prometheus";
    const { contentType, text } = await metrics.render(snapshot(), form);
    return answer(200, text.trimEnd(), { "content-type": contentType });
  };
}
