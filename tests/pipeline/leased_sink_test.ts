import assert from "node:assert/strict";
import { traceSink } from "../../src/diagnostics/trace_sink.ts";
import { watchSink } from "../../src/diagnostics/watch_sink.ts";
import { leasedSink } from "../../src/pipeline/leased_sink.ts";
import type { Sink } from "../../src/pipeline/ports.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { HoldingSink, makeEvents } from "../support/pipeline_ports.ts";

const NEVER = new AbortController().signal;
const SPAN = {
  set() {},
  fail() {},
  end() {},
  within: <T>(work: () => T) => work(),
};

const WRAPPED: { [name: string]: (sink: Sink) => Sink } = {
  leasedSink: (sink) => leasedSink(sink, { isHeld: true, lost: NEVER }),
  traceSink: (sink) => traceSink(sink, { start: () => SPAN }),
  watchSink: (sink) =>
    watchSink(sink, {
      clock: new FakeClock(),
      observer: { sending() {}, sent() {} },
      stream: "log",
    }),
};

for (const [name, wrap] of Object.entries(WRAPPED)) {
  Deno.test(`${name}() holds requests as its sink does, and sends what was held`, async () => {
    const inner = new HoldingSink();
    const sink = wrap(inner);
    const events = makeEvents(3);
    const held = sink.hold?.(events);
    assert.deepEqual(await sink.send(events, NEVER, held), { kind: "delivered" });
    assert.deepEqual([inner.held, inner.sent], [["e0"], ["e0"]]);
  });
}

Deno.test("leasedSink() sends nothing, held or not, once the lease is lost", async () => {
  const inner = new HoldingSink();
  const reason = new Error("lost");
  const lease = { isHeld: true, lost: AbortSignal.abort(reason) };
  const sink = leasedSink(inner, lease);
  const events = makeEvents(3);
  const held = sink.hold?.(events);
  lease.isHeld = false;
  await assert.rejects(sink.send(events, NEVER, held), (error: unknown) => error === reason);
  assert.deepEqual(inner.accepted, []);
  assert.deepEqual(inner.dropped, ["e0"]);
});
