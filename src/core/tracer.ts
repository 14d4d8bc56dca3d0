/** What is said of a span: counts and names of our own, never payloads, users or keys. */
export type SpanAttributes = { readonly [name: string]: string | number | boolean };

/** A piece of work with a beginning and an end, as a trace shows it. */
export interface Span {
  set(attributes: SpanAttributes): void;
  /** Marks the work as failed, by one word of our own. */
  fail(how: string): void;
  /** @param endMs when the work ended, on the wall clock. @default {now} */
  end(endMs?: number): void;
  /** Does work in the name of the span: spans that begin within, also later, are its children. */
  within<T>(work: () => T): T;
}

/** How a span begins. */
export interface SpanOptions {
  readonly attributes?: SpanAttributes;
  /** When the work began, on the wall clock. @default {now} */
  readonly startMs?: number;
  /** What it is a part of. @default {the span that it begins within, if any} */
  readonly parent?: Span | undefined;
  /** Other spans that led to it. */
  readonly links?: readonly Span[];
}

/** Records what takes how long. Must not throw. */
export interface Tracer {
  start(name: string, options?: SpanOptions): Span;
}
