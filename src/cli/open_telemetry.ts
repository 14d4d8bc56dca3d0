import type { Clock } from "../core/clock.ts";
import type { Logger } from "../core/logger.ts";
import type { Tracer } from "../core/tracer.ts";
import { isTelemetryOn } from "../diagnostics/otel_runtime.ts";
import type { RunStatus } from "../diagnostics/run_status.ts";

/** What of a run goes to an OpenTelemetry collector. */
export interface Telemetry extends AsyncDisposable {
  /** Undefined where nobody has asked for traces. */
  readonly tracer: Tracer | undefined;
}

/** Pause between two looks at the totals; the runtime exports them once a minute by itself. */
const LOOK_MS = 1000;

/** Begins to tell of a run by OpenTelemetry, where the environment asks for it. */
export async function openTelemetry(
  { clock, status }: { readonly clock: Clock; readonly status: RunStatus },
): Promise<Telemetry> {
  if (!isTelemetryOn()) {
    return { tracer: undefined, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  // A run without telemetry need not load what it takes.
  const { OtelTracer } = await import("../diagnostics/otel_tracer.ts");
  const { OtelMetrics } = await import("../diagnostics/otel_metrics.ts");
  const metrics = new OtelMetrics();
  status.measureWith(metrics);
  const stop = new AbortController();
  const recording = (async () => {
    while (!stop.signal.aborted) {
      metrics.record(status.snapshot());
      await clock.sleep(LOOK_MS, stop.signal).catch(() => {});
    }
    metrics.record(status.snapshot());
  })();
  return {
    tracer: new OtelTracer(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await recording;
    },
  };
}

/** The runtime of an executable decides when that is made, and then does not listen any more. */
export function warnOfTelemetry(
  logger: Logger,
  env: { readonly [name: string]: string },
): void {
  if (!/^(1|true)$/i.test(env["OTEL_DENO"] ?? "") || isTelemetryOn()) return;
  logger.warning("OTEL_DENO has no effect: this executable was made without OpenTelemetry");
}
