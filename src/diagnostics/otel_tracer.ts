import { context, type Span as OtelSpan, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Span, SpanAttributes, SpanOptions, Tracer } from "../core/tracer.ts";
import { INSTRUMENTATION } from "./otel_runtime.ts";

/** Spans by the runtime's own OpenTelemetry, which exports them. */
export class OtelTracer implements Tracer {
  readonly #tracer = trace.getTracer(INSTRUMENTATION);
  readonly #spans = new WeakMap<Span, OtelSpan>();

  start(name: string, { attributes, links, parent, startMs }: SpanOptions = {}): Span {
    const own = parent === undefined ? undefined : this.#spans.get(parent);
    const active = context.active();
    const span = this.#tracer.startSpan(name, {
      ...(attributes === undefined ? {} : { attributes: { ...attributes } }),
      ...(startMs === undefined ? {} : { startTime: startMs }),
      links: (links ?? []).flatMap((link) => {
        const linked = this.#spans.get(link);
        return linked === undefined ? [] : [{ context: linked.spanContext() }];
      }),
    }, own === undefined ? active : trace.setSpan(active, own));
    const handle = new OtelSpanHandle(span);
    this.#spans.set(handle, span);
    return handle;
  }
}

class OtelSpanHandle implements Span {
  readonly #span: OtelSpan;

  constructor(span: OtelSpan) {
    this.#span = span;
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes({ ...attributes });
  }

  fail(how: string): void {
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: how });
  }

  end(endMs?: number): void {
    this.#span.end(endMs);
  }

  within<T>(work: () => T): T {
    return context.with(trace.setSpan(context.active(), this.#span), work);
  }
}
