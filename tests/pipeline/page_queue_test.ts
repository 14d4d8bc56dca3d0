import assert from "node:assert/strict";
import { PageQueue } from "../../src/pipeline/page_queue.ts";
import { makeEvent, makeEvents, makePage } from "../support/pipeline_ports.ts";

const LIMITS = { maxEvents: 5, maxBytes: 10_000 };

function openQueue(options: { maxBytes?: number; skip?: string } = {}) {
  return new PageQueue({
    filter: (event) => event.type !== options.skip,
    maxBytes: options.maxBytes ?? 1_000_000,
  });
}

Deno.test("PageQueue.take() joins pages up to the limit and splits one where it must", async () => {
  const queue = openQueue();
  await queue.push(makePage(makeEvents(3), 0));
  await queue.push(makePage(makeEvents(4, 3), 3));
  const first = await queue.take(LIMITS);
  assert.deepEqual(first?.events.map((event) => event.id), ["e0", "e1", "e2", "e3", "e4"]);
  assert.deepEqual(first?.position, { at: 5 });
  const second = await queue.take(LIMITS);
  assert.deepEqual(second?.events.map((event) => event.id), ["e5", "e6"]);
  assert.deepEqual(second?.position, { at: 7 });
});

Deno.test("PageQueue.take() keeps a request below its bytes, and lets one large event stand alone", async () => {
  const queue = openQueue();
  const events = [
    makeEvent("a", { bytes: 6000 }),
    makeEvent("b", { bytes: 6000 }),
    makeEvent("c", { bytes: 50_000 }),
  ];
  await queue.push(makePage(events, 0));
  const taken = [await queue.take(LIMITS), await queue.take(LIMITS), await queue.take(LIMITS)];
  assert.deepEqual(taken.map((batch) => batch?.events.map((event) => event.id)), [["a"], ["b"], [
    "c",
  ]]);
  assert.deepEqual(taken.map((batch) => batch?.position), [{ at: 1 }, { at: 2 }, { at: 3 }]);
});

Deno.test("PageQueue.take() moves the position past events that the filter does not want", async () => {
  const queue = openQueue({ skip: "noise" });
  await queue.push(makePage([makeEvent("a"), makeEvent("b", { type: "noise" })], 0));
  const batch = await queue.take(LIMITS);
  assert.deepEqual(batch?.events.map((event) => event.id), ["a"]);
  assert.deepEqual(batch?.position, { at: 2 });
  assert.equal(batch?.filteredCount, 1);
});

Deno.test("PageQueue.take() returns a batch without events when only the position moved", async () => {
  const queue = openQueue();
  await queue.push(makePage([], 7));
  await queue.push(makePage([], 9, false));
  const batch = await queue.take(LIMITS);
  const { backlog, events, filteredCount, position } = batch!;
  assert.deepEqual([events, position, backlog, filteredCount], [[], { at: 9 }, false, 0]);
});

Deno.test("PageQueue.take() reports a backlog while pages wait behind the batch", async () => {
  const queue = openQueue();
  await queue.push(makePage(makeEvents(5), 0, false));
  await queue.push(makePage(makeEvents(1, 5), 5, false));
  assert.equal((await queue.take(LIMITS))?.backlog, true);
  assert.equal((await queue.take(LIMITS))?.backlog, false);
});

Deno.test("PageQueue.push() waits until what waits is below the limit of bytes", async () => {
  const queue = openQueue({ maxBytes: 3000 });
  let pushed = false;
  const pushing = queue.push(makePage([makeEvent("a", { bytes: 5000 })], 0)).then(() =>
    pushed = true
  );
  await Promise.resolve();
  assert.equal(pushed, false);
  await queue.take(LIMITS);
  await pushing;
});

Deno.test("PageQueue.push() counts the events that the filter drops, which take memory as well", async () => {
  const queue = openQueue({ maxBytes: 3000, skip: "noise" });
  let pushed = false;
  const page = makePage([makeEvent("a", { bytes: 5000, type: "noise" })], 0);
  const pushing = queue.push(page).then(() => pushed = true);
  await Promise.resolve();
  assert.equal(pushed, false);
  queue.end();
  await pushing;
});

Deno.test("PageQueue.take() hands out everything before it throws what ended the stream", async () => {
  const queue = openQueue();
  await queue.push(makePage(makeEvents(1), 0));
  queue.end(new Error("lost"));
  assert.equal((await queue.take(LIMITS))?.events.length, 1);
  await assert.rejects(queue.take(LIMITS), /lost/);
});

Deno.test("PageQueue.take() wakes up for a page and for the end", async () => {
  const queue = openQueue();
  const first = queue.take(LIMITS);
  await queue.push(makePage(makeEvents(1), 0));
  assert.equal((await first)?.events.length, 1);
  const second = queue.take(LIMITS);
  queue.end();
  assert.equal(await second, undefined);
});

Deno.test("Batch.positionAfter() resumes after any of its events, across pages and what the filter left out", async () => {
  const queue = openQueue({ skip: "noise" });
  await queue.push(makePage([makeEvent("a"), makeEvent("b", { type: "noise" })], 0));
  await queue.push(makePage([makeEvent("c"), makeEvent("d"), makeEvent("e")], 2));
  const batch = await queue.take({ maxEvents: 3, maxBytes: 10_000 });
  assert.deepEqual(batch?.events.map(({ id }) => id), ["a", "c", "d"]);
  assert.deepEqual([0, 1, 2, 3, 4].map((count) => batch?.positionAfter(count)), [
    undefined,
    { at: 1 },
    { at: 3 },
    { at: 4 },
    undefined,
  ]);
  const rest = await queue.take(LIMITS);
  assert.deepEqual(rest?.positionAfter(1), { at: 5 });
});

Deno.test("PageQueue.onFull() tells once when a whole batch waits, or all that is left of the stream", async () => {
  const queue = openQueue();
  let told = 0;
  const tell = () => void told++;
  await queue.push(makePage(makeEvents(4), 0));
  queue.onFull(LIMITS, tell);
  assert.equal(told, 0);
  await queue.push(makePage(makeEvents(1, 4), 4));
  await queue.push(makePage(makeEvents(1, 5), 5));
  assert.equal(told, 1);
  queue.takeNow(LIMITS);
  queue.onFull(LIMITS, tell);
  assert.equal(told, 1);
  queue.end();
  assert.equal(told, 2);
  queue.takeNow(LIMITS);
  queue.onFull(LIMITS, tell);
  assert.equal(told, 2);
});

Deno.test("PageQueue.onFull() counts bytes as well, and takes back what it was told", async () => {
  const queue = openQueue();
  let told = 0;
  queue.onFull(LIMITS, () => void told++);
  queue.onFull(LIMITS, undefined);
  await queue.push(makePage([makeEvent("large", { bytes: 10_000 })], 0));
  assert.equal(told, 0);
  queue.onFull(LIMITS, () => void told++);
  assert.equal(told, 1);
});

Deno.test("Batch.release() releases the pages that end with it, once, and none of which a part is left", async () => {
  const queue = openQueue();
  const released: number[] = [];
  for (const [at, count] of [3, 4, 2].entries()) {
    await queue.push({
      ...makePage(makeEvents(count), 0),
      release: () => void released.push(at),
    });
  }
  const [first, second] = [queue.takeNow(LIMITS), queue.takeNow(LIMITS)];
  assert.deepEqual(released, []);
  first!.release();
  first!.release();
  assert.deepEqual(released, [0]);
  second!.release();
  assert.deepEqual(released, [0, 1, 2]);
});
