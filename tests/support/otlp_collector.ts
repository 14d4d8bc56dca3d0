/** A small OpenTelemetry collector on loopback: OTLP over http/json. */
import { Bell } from "./bell.ts";

/** A span as it was exported. */
export interface ExportedSpan {
  readonly scope: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Blank for the beginning of a trace. */
  readonly parentSpanId: string;
  readonly attributes: { readonly [name: string]: string | number | boolean };
  /** Ids of the spans that it is linked to. */
  readonly links: readonly string[];
  /** 2 is an error. */
  readonly status: number;
  readonly durationMs: number;
}

/** A value of a metric as it was exported last. */
export interface ExportedPoint {
  readonly name: string;
  readonly kind: "sum" | "gauge" | "histogram";
  readonly attributes: ExportedSpan["attributes"];
  /** Of a histogram, how many were measured. */
  readonly value: number;
}

/** A collector that keeps everything. */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: ExportedSpan[] = [];
  /** All that was posted, as text. */
  received = "";
  readonly #points = new Map<string, ExportedPoint>();
  readonly #bell = new Bell();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const text = await request.text();
        this.received += text;
        this.#take(JSON.parse(text));
        this.#bell.ring();
        return Response.json({});
      },
    );
  }

  /** What makes the program export to it. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_SERVICE_NAME: "teleport-event-handler",
    };
  }

  /** The last values of each metric. */
  get points(): ExportedPoint[] {
    return [...this.#points.values()];
  }

  /** Resolves with the first span that fits. */
  waitForSpan(fits: (span: ExportedSpan) => boolean): Promise<ExportedSpan> {
    return this.#bell.waitFor(() => this.spans.find(fits), {
      what: () => `a span; there are ${JSON.stringify(this.spans, null, 1)}`,
      timeoutMs: 30_000,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  // deno-lint-ignore no-explicit-any -- the protocol's own JSON
  #take(body: any): void {
    for (const resource of body.resourceSpans ?? []) {
      for (const { scope, spans } of resource.scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            ...span,
            scope: scope.name,
            attributes: toObject(span.attributes),
            // deno-lint-ignore no-explicit-any
            links: span.links.map((link: any) => link.spanId),
            status: span.status.code,
            durationMs: (Number(span.endTimeUnixNano) - Number(span.startTimeUnixNano)) / 1e6,
          });
        }
      }
    }
    for (const resource of body.resourceMetrics ?? []) {
      for (const { metrics } of resource.scopeMetrics) {
        for (const metric of metrics) this.#takeMetric(metric);
      }
    }
  }

  // deno-lint-ignore no-explicit-any -- as above
  #takeMetric(metric: any): void {
    const { name } = metric;
    for (const kind of ["sum", "gauge", "histogram"] as const) {
      for (const point of metric[kind]?.dataPoints ?? []) {
        const attributes = toObject(point.attributes);
        const value = Number(point.count ?? point.asDouble ?? point.asInt);
        this.#points.set(`${name} ${JSON.stringify(attributes)}`, {
          name,
          kind,
          attributes,
          value,
        });
      }
    }
  }
}

/** The values of a protobuf that is written as JSON. */
function toObject(
  attributes: readonly { key: string; value: Record<string, string | number | boolean> }[],
): ExportedSpan["attributes"] {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, Object.values(value)[0]!] as const)
      .sort(([a], [b]) => a < b ? -1 : 1),
  );
}
