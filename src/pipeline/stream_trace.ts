import { Fault } from "../core/fault.ts";
import type { Span, Tracer } from "../core/tracer.ts";
import type { Page } from "./ports.ts";

const NO_SPAN: Span = { set() {}, fail() {}, end() {}, within: (work) => work() };

/**
 * The spans of one stream: a page is what a trace begins with, a batch is the child of the first page
 * that it holds events of, and linked to the others. Nothing is done where no tracer listens.
 */
export class StreamTrace {
  readonly #tracer: Tracer | undefined;
  readonly #stream: string;
  readonly #pages = new WeakMap<Page, Span>();

  constructor(tracer: Tracer | undefined, stream: string) {
    this.#tracer = tracer;
    this.#stream = stream;
  }

  /** A page has come that was asked for at `startMs`. */
  page(page: Page, startMs: number): void {
    if (this.#tracer === undefined) return;
    const { backlog, events } = page;
    const attributes = { stream: this.#stream, events: events.length, backlog };
    const span = this.#tracer.start("page", { attributes, startMs: page.askedAtMs ?? startMs });
    span.end(page.cameAtMs);
    this.#pages.set(page, span);
  }

  /** No page has come, but a fault. */
  failedPage(error: unknown, startMs: number): void {
    const span = this.#tracer?.start("page", { attributes: { stream: this.#stream }, startMs });
    span?.fail(error instanceof Fault ? error.kind : "aborted");
    span?.end();
  }

  /** Events of these pages are on their way. */
  batch(pages: readonly Page[]): Span {
    if (this.#tracer === undefined) return NO_SPAN;
    const spans = pages.map((page) => this.#pages.get(page)).filter((span) => span !== undefined);
    const [parent, ...links] = spans;
    const attributes = { stream: this.#stream, pages: pages.length };
    return this.#tracer.start("batch", { attributes, parent, links });
  }
}
