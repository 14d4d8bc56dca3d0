import assert from "node:assert/strict";
import type { Span, SpanOptions, Tracer } from "../../src/core/tracer.ts";
import type { Page } from "../../src/pipeline/ports.ts";
import { StreamTrace } from "../../src/pipeline/stream_trace.ts";

/** Keeps when each span began and ended. */
class RecordingTracer implements Tracer {
  readonly times: [startMs: number | undefined, endMs: number | undefined][] = [];

  start(_name: string, { startMs }: SpanOptions = {}): Span {
    return {
      set() {},
      fail() {},
      end: (endMs) => void this.times.push([startMs, endMs]),
      within: (work) => work(),
    };
  }
}

function pageOf(times: Pick<Page, "askedAtMs" | "cameAtMs">): Page {
  const position = { version: 1 };
  return { events: [], position, positionAfter: () => position, backlog: true, ...times };
}

Deno.test("The span of a page is the time that the server took, however long the page waited to be given", () => {
  const tracer = new RecordingTracer();
  const trace = new StreamTrace(tracer, "log");
  trace.page(pageOf({ askedAtMs: 1000, cameAtMs: 1020 }), 5000);
  trace.page(pageOf({}), 6000);
  assert.deepEqual(tracer.times, [[1000, 1020], [6000, undefined]]);
});
