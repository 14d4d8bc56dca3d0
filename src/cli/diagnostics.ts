import type { LoadedConfig } from "../config/load_config.ts";
import { formatSource } from "../config/source.ts";
import { redactUrl } from "../config/url_text.ts";
import { formatAddress } from "../config/address_text.ts";
import type { Clock } from "../core/clock.ts";
import { formatError } from "../core/fault.ts";
import type { Logger } from "../core/logger.ts";
import type { Tracer } from "../core/tracer.ts";
import { openDiagnosticsServer, type Route } from "../diagnostics/diagnostics_server.ts";
import { RunStatus } from "../diagnostics/run_status.ts";
import { storageFolderFor } from "../state/storage_folder.ts";
import { openTelemetry } from "./open_telemetry.ts";
import { usesStateServer } from "./state_server.ts";
import { listenForStateRequest } from "./state_signal.ts";
import { VERSION } from "./version.ts";

/** What a run tells about itself, and to whom. */
export interface Diagnostics extends AsyncDisposable {
  readonly status: RunStatus;
  /** Records spans; undefined where nobody has asked for them. */
  readonly tracer: Tracer | undefined;
  /** Whether somebody may ask over HTTP. */
  readonly isServed: boolean;
}

/** What opening takes. */
export interface OpenDiagnosticsInput {
  readonly loaded: Pick<LoadedConfig, "config" | "sources">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborted when the run is to end. */
  readonly stop: AbortSignal;
}

/**
 * Begins to keep account of a run, and serves it at `diagnostics-addr` where that is set.
 *
 * @throws {Fault} of kind `config` when the address cannot be listened on.
 */
export async function openDiagnostics(input: OpenDiagnosticsInput): Promise<Diagnostics> {
  const { clock, loaded: { config }, logger, stop } = input;
  await using stack = new AsyncDisposableStack();
  const status = createStatus(input);
  stop.addEventListener("abort", () => status.stopping(), { once: true });
  const severity = config.logSeverity === "debug" ? "info" : config.logSeverity;
  stack.use(listenForStateRequest(() => status.snapshot(), (line) => logger[severity](line)));
  const { tracer } = stack.use(await openTelemetry({ clock, status }));
  const address = config.diagnosticsAddr;
  if (address !== undefined) {
    const source = formatSource(input.loaded.sources["diagnostics-addr"]);
    stack.use(openDiagnosticsServer({
      ...address,
      name: `diagnostics-addr '${formatAddress(address)}' (${source})`,
      routes: await createRoutes(status, clock),
      onError: (error) => logger.error(`Diagnostics failed: ${formatError(error)}`),
    }));
    logger.info("Diagnostics are served", { url: `http://${formatAddress(address)}/` });
  }
  const held = stack.move();
  return {
    status,
    tracer,
    isServed: address !== undefined,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function createStatus({ clock, loaded: { config } }: OpenDiagnosticsInput): RunStatus {
  return new RunStatus({
    clock,
    pollMs: config.timeoutMs,
    facts: {
      version: VERSION,
      teleport: formatAddress(config.teleportAddr),
      logUrl: redactUrl(config.fluentdUrl),
      sessionUrl: redactUrl(config.fluentdSessionUrl),
      storage: usesStateServer(config)
        ? config.storage
        : storageFolderFor(config.storage, config.teleportAddr),
      isDryRun: config.dryRun,
    },
  });
}

async function createRoutes(
  status: RunStatus,
  clock: Clock,
): Promise<{ readonly [path: string]: Route }> {
  // A run that nobody asks need not load what answers.
  const { PrometheusMetrics } = await import("../diagnostics/prometheus_metrics.ts");
  const { createMetricsRoute } = await import("../diagnostics/metrics_route.ts");
  const { createProbeRoutes } = await import("../diagnostics/probe_routes.ts");
  const { createStatusRoutes } = await import("../diagnostics/status_routes.ts");
  const metrics = new PrometheusMetrics({ startedAtMs: clock.nowMs() - clock.monotonicMs() });
  status.measureWith(metrics);
  const snapshot = () => status.snapshot();
  return {
    ...createStatusRoutes(snapshot, clock),
    ...createProbeRoutes(snapshot),
    "/metrics": createMetricsRoute(metrics, snapshot),
  };
}
