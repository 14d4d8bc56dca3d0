import assert from "node:assert/strict";
import { BatchesAhead } from "../../src/pipeline/batches_ahead.ts";
import { PageQueue } from "../../src/pipeline/page_queue.ts";
import { Gate } from "../support/gate.ts";
import { HoldingSink, makeEvent, makeEvents, makePage } from "../support/pipeline_ports.ts";

const NEVER = new AbortController().signal;
const LIMITS = { maxEvents: 5 };

function openBatches(sink = new HoldingSink(() => ({ kind: "delivered" }), LIMITS)) {
  const queue = new PageQueue({ filter: () => true, maxBytes: 1_000_000 });
  const batches = new BatchesAhead(queue, sink);
  return { batches, queue, sink };
}

Deno.test("BatchesAhead holds the next request while one is under way, and sends what it held", async () => {
  const gate = new Gate();
  const sink = new HoldingSink(async () => {
    await gate.pass();
    return { kind: "delivered" };
  }, LIMITS);
  const { batches, queue } = openBatches(sink);
  await queue.push(makePage(makeEvents(5), 0));
  const first = await batches.take();
  const sending = batches.send(first!.events, NEVER);
  await gate.reached;
  assert.deepEqual(sink.held, []);
  await queue.push(makePage(makeEvents(4, 5), 5));
  assert.deepEqual(sink.held, []);
  await queue.push(makePage(makeEvents(4, 9), 9));
  assert.deepEqual(sink.held, ["e5"]);
  gate.open();
  await sending;
  const second = await batches.take();
  assert.deepEqual(second!.events.map(({ id }) => id), ["e5", "e6", "e7", "e8", "e9"]);
  await batches.send(second!.events, NEVER);
  assert.deepEqual([sink.sent, sink.dropped], [["e5"], []]);
  assert.deepEqual(sink.accepted, makeEvents(10).map(({ id }) => id));
});

Deno.test("BatchesAhead keeps what it holds while the request before it is tried again, in whatever parts", async () => {
  const { batches, queue, sink } = openBatches();
  await queue.push(makePage(makeEvents(10), 0));
  const first = await batches.take();
  await batches.send(first!.events, NEVER);
  await batches.send(first!.events.slice(0, 2), NEVER);
  await batches.send(first!.events.slice(2), NEVER);
  const second = await batches.take();
  await batches.send(second!.events, NEVER);
  assert.deepEqual([sink.held, sink.sent, sink.dropped], [["e5"], ["e5"], []]);
});

Deno.test("BatchesAhead sends other events of the next batch plainly, and drops what it held for all of it", async () => {
  const { batches, queue, sink } = openBatches();
  await queue.push(makePage(makeEvents(20), 0));
  await batches.send((await batches.take())!.events, NEVER);
  const second = await batches.take();
  await batches.send(second!.events.slice(0, 3), NEVER);
  await batches.send(second!.events.slice(3), NEVER);
  assert.deepEqual([sink.held, sink.sent, sink.dropped], [["e5", "e10"], [], ["e5"]]);
});

Deno.test("BatchesAhead.takeNow() gives the batch that it had taken ahead", async () => {
  const { batches, queue, sink } = openBatches();
  await queue.push(makePage(makeEvents(10), 0));
  await batches.send((await batches.take())!.events, NEVER);
  const more = batches.takeNow();
  assert.equal(more!.events[0]!.id, "e5");
  assert.equal(batches.takeNow(), undefined);
  await batches.send(more!.events, NEVER);
  assert.deepEqual(sink.sent, ["e5"]);
});

Deno.test("BatchesAhead is not at the end of its stream while a batch that it took ahead is left", async () => {
  const { batches, queue } = openBatches();
  await queue.push(makePage(makeEvents(7), 0));
  queue.end();
  await batches.send((await batches.take())!.events, NEVER);
  assert.ok(queue.isAtEnd);
  assert.equal(batches.isAtEnd, false);
  assert.equal((await batches.take())!.events.length, 2);
  assert.equal(batches.isAtEnd, true);
  assert.equal(await batches.take(), undefined);
});

Deno.test("BatchesAhead holds nothing for a batch with an event that has no payload, nor for one of no events", async () => {
  const { batches, queue, sink } = openBatches();
  const odd = { ...makeEvent("odd"), defect: { reason: "broken", raw: new Uint8Array(1) } };
  await queue.push(makePage(makeEvents(5), 0));
  await queue.push(makePage([...makeEvents(4, 5), odd], 5));
  await batches.send((await batches.take())!.events, NEVER);
  const second = await batches.take();
  assert.equal(second!.events.length, 5);
  await queue.push(makePage([], 10));
  queue.end();
  await batches.send(second!.events.slice(0, 4), NEVER);
  assert.equal((await batches.take())!.events.length, 0);
  assert.deepEqual(sink.held, []);
});

Deno.test("BatchesAhead gives the memory of a batch back when the next one is taken, and not that of one taken ahead", async () => {
  const { batches, queue } = openBatches();
  const released: string[] = [];
  const pageOf = (count: number, first: number) => ({
    ...makePage(makeEvents(count, first), first),
    release: () => void released.push(`e${first}`),
  });
  await queue.push(pageOf(5, 0));
  await queue.push(pageOf(5, 5));
  await batches.send((await batches.take())!.events, NEVER);
  assert.deepEqual(released, []);
  await batches.send((await batches.take())!.events, NEVER);
  assert.deepEqual(released, ["e0"]);
  queue.end();
  await batches.take();
  assert.deepEqual(released, ["e0", "e5"]);
});

Deno.test("BatchesAhead drops what it holds, and looks ahead no more, when it is disposed of", async () => {
  const { batches, queue, sink } = openBatches();
  await queue.push(makePage(makeEvents(10), 0));
  await batches.send((await batches.take())!.events, NEVER);
  batches[Symbol.dispose]();
  await queue.push(makePage(makeEvents(10, 10), 10));
  assert.deepEqual([sink.held, sink.dropped], [["e5"], ["e5"]]);
});
