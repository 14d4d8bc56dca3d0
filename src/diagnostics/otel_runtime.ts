/** Name of the instrumentation in what is exported. */
export const INSTRUMENTATION = "teleport-event-handler";

/** Where the runtime puts its OpenTelemetry when the environment asks for it (OTEL_DENO). */
const API = Symbol.for("opentelemetry.js.api.1");

/** Whether the runtime exports what OpenTelemetry's interface is told. */
export function isTelemetryOn(): boolean {
  return API in globalThis;
}
