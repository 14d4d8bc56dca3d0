import assert from "node:assert/strict";
import { nextTurn } from "../../src/core/clock.ts";
import type { EventPage } from "../../src/teleport/event_messages.ts";
import { PagesAhead } from "../../src/teleport/pages_ahead.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A page that is asked for, to be answered by the test. */
class AskedCall {
  readonly cursor: string;
  readonly signal: AbortSignal;
  readonly answer = Promise.withResolvers<EventPage>();

  constructor(cursor: string, signal: AbortSignal) {
    this.cursor = cursor;
    this.signal = signal;
  }

  /** Answers with a page that names the next one, or the last page. */
  give(lastKey = ""): void {
    this.answer.resolve({ items: [], lastKey });
  }
}

function openPages() {
  const calls: AskedCall[] = [];
  const clock = new FakeClock(1000);
  const stop = new AbortController();
  const pages = new PagesAhead({
    ask(cursor, signal) {
      const call = new AskedCall(cursor, signal);
      calls.push(call);
      return call.answer.promise;
    },
    clock,
    signal: stop.signal,
  });
  return { calls, clock, pages, stop };
}

/** Pages of which "a" and "b" were taken, and "c" was asked for ahead. */
async function takeTwo() {
  const opened = openPages();
  const { calls, pages } = opened;
  const first = pages.take("");
  calls[0]!.give("b");
  await first;
  const second = pages.take("b");
  calls[1]!.give("c");
  await second;
  return { ...opened, third: calls[2]! };
}

const FAILURE = new Error("No page");

Deno.test("PagesAhead.take() gives each page once and in order, and asks for it once", async () => {
  const { calls, pages } = openPages();
  const keys: string[] = [];
  let cursor = "";
  do {
    const taken = pages.take(cursor);
    calls[keys.length]!.give(["b", "c", "d", ""][keys.length]);
    keys.push(cursor = (await taken).page.lastKey);
  } while (cursor !== "");
  assert.deepEqual(keys, ["b", "c", "d", ""]);
  assert.deepEqual(calls.map(({ cursor }) => cursor), ["", "b", "c", "d"]);
});

Deno.test("PagesAhead.take() asks for the next page before it gives one, but for the first", async () => {
  const { calls, pages } = openPages();
  const first = pages.take("");
  calls[0]!.give("b");
  await first;
  assert.equal(calls.length, 1);
  const second = pages.take("b");
  calls[1]!.give("c");
  await second;
  assert.deepEqual(calls.map(({ cursor }) => cursor), ["", "b", "c"]);
});

Deno.test("PagesAhead.take() says when a page was asked for and when it came, however late it is taken", async () => {
  const { clock, pages, third } = await takeTwo();
  clock.jump(20);
  third.give();
  await nextTurn();
  clock.jump(3_600_000);
  const { askedAtMs, cameAtMs } = await pages.take("c");
  assert.deepEqual({ askedAtMs, cameAtMs }, { askedAtMs: 1000, cameAtMs: 1020 });
});

Deno.test("PagesAhead.take() throws what a page fails by that is waited for", async () => {
  const { calls, pages, third } = await takeTwo();
  const taken = pages.take("c");
  third.answer.reject(FAILURE);
  await assert.rejects(taken, FAILURE);
  assert.equal(calls.length, 3);
});

Deno.test("PagesAhead.take() asks again for a page that had failed before, and throws what that fails by", async () => {
  const { calls, pages, third } = await takeTwo();
  third.answer.reject(new Error("An outage that may be over"));
  await nextTurn();
  const taken = pages.take("c");
  assert.deepEqual(calls.slice(3).map(({ cursor }) => cursor), ["c"]);
  calls[3]!.answer.reject(FAILURE);
  await assert.rejects(taken, FAILURE);
});

Deno.test("PagesAhead.take() gives no page in place of another one", async () => {
  const { calls, pages, third } = await takeTwo();
  third.give();
  const taken = pages.take("elsewhere");
  assert.equal(calls.at(-1)!.cursor, "elsewhere");
  calls.at(-1)!.give("further");
  assert.equal((await taken).page.lastKey, "further");
});

Deno.test("PagesAhead ends its calls when it is left or stopped, and forgets what they fail by", async () => {
  const left = await takeTwo();
  left.pages[Symbol.dispose]();
  const stopped = await takeTwo();
  stopped.stop.abort();
  for (const { third } of [left, stopped]) {
    assert.ok(third.signal.aborted);
    // A failure that nobody hears of would end the test run.
    third.answer.reject(FAILURE);
  }
});
