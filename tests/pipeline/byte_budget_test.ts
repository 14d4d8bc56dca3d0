import assert from "node:assert/strict";
import { ByteBudget } from "../../src/pipeline/byte_budget.ts";
import { PageQueue } from "../../src/pipeline/page_queue.ts";
import { makeEvent, makePage } from "../support/pipeline_ports.ts";

const LIMITS = { maxEvents: 5, maxBytes: 10_000 };
const PAGE = makePage([makeEvent("a", { bytes: 5000 })], 0);

function openQueue(budget: ByteBudget): PageQueue {
  return new PageQueue({ filter: () => true, maxBytes: 1_000_000, budget });
}

/** Whether a promise has settled by the time that everything that could go on has gone on. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.finally(() => settled = true);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return settled;
}

Deno.test("ByteBudget holds the reading of one stream back while others hold what there is", async () => {
  const budget = new ByteBudget(10_000);
  using first = openQueue(budget);
  using second = openQueue(budget);
  await first.push(PAGE);
  const pushing = second.push(PAGE);
  assert.equal(await isSettled(pushing), false);
  const batch = first.takeNow(LIMITS);
  // On its way to the receiver, and so still held.
  assert.equal(await isSettled(pushing), false);
  batch!.release();
  assert.equal(await isSettled(pushing), true);
});

Deno.test("ByteBudget lets each stream hold one page, so that none is held up by others", async () => {
  const budget = new ByteBudget(1);
  using first = openQueue(budget);
  using second = openQueue(budget);
  const blocked = first.push(PAGE);
  const pushing = second.push(PAGE);
  assert.equal(second.takeNow(LIMITS)?.events.length, 1);
  assert.equal(await isSettled(pushing), true);
  assert.equal(await isSettled(blocked), false);
  first.takeNow(LIMITS);
  await blocked;
});

Deno.test("ByteBudget gets back what a stream held that ends in the middle", async () => {
  const budget = new ByteBudget(10_000);
  {
    using broken = openQueue(budget);
    const pushing = Promise.all([broken.push(PAGE), broken.push(PAGE)]);
    broken.takeNow({ maxEvents: 1, maxBytes: 10_000 });
    broken.end();
    await pushing;
    assert.equal(budget.hasRoom, false);
  }
  assert.equal(budget.hasRoom, true);
  using next = openQueue(budget);
  await next.push(PAGE);
});
