import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import { Fault } from "../../src/core/fault.ts";
import { readWatchedStream } from "../../src/teleport/watched_stream.ts";
import { within } from "../support/bell.ts";
import { FakeClock } from "../support/fake_clock.ts";

const IDLE_MS = 60_000;

/** A call whose messages the test sends one by one; it fails as connect does when it is aborted. */
class ScriptedCall {
  readonly #waiting: {
    resolve: (result: IteratorResult<string>) => void;
    reject: (e: unknown) => void;
  }[] = [];
  signal: AbortSignal | undefined;

  readonly start = (signal: AbortSignal): AsyncIterable<string> => {
    this.signal = signal;
    signal.addEventListener("abort", () => this.fail(new ConnectError("gone", Code.Canceled)));
    return { [Symbol.asyncIterator]: () => ({ next: () => this.#next() }) };
  };

  #next(): Promise<IteratorResult<string>> {
    if (this.signal?.aborted) return Promise.reject(new ConnectError("gone", Code.Canceled));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  send(value: string): void {
    this.#waiting.shift()!.resolve({ done: false, value });
  }
  end(): void {
    this.#waiting.shift()!.resolve({ done: true, value: undefined });
  }
  fail(error: unknown): void {
    this.#waiting.shift()?.reject(error);
  }
}

function makeRig() {
  const call = new ScriptedCall();
  const clock = new FakeClock();
  const abort = new AbortController();
  const messages = readWatchedStream({
    call: call.start,
    purpose: "read a recording",
    clock,
    signal: abort.signal,
  });
  const next = () => {
    const next = within(messages.next(), { what: () => "a message" });
    next.catch(() => {});
    return next;
  };
  /** The call is canceled and no timer is left. */
  const assertLeft = () => {
    assert.equal(call.signal?.aborted, true);
    assert.equal(clock.sleeping, 0);
  };
  return { call, clock, abort, messages, next, assertLeft };
}

/** A step of the clock after which whoever waits has looked at it. */
async function advance(clock: FakeClock, ms: number): Promise<void> {
  await clock.waitForSleepers();
  await clock.advance(ms);
}

Deno.test("readWatchedStream() passes the messages on in order, and cancels the call when they end", async () => {
  const { call, next, assertLeft } = makeRig();
  for (const text of ["a", "b"]) {
    const message = next();
    call.send(text);
    assert.deepEqual(await message, { done: false, value: text });
  }
  const end = next();
  call.end();
  assert.equal((await end).done, true);
  assertLeft();
});

Deno.test("readWatchedStream() starts no call before it is read", () => {
  const { call, clock } = makeRig();
  assert.equal(call.signal, undefined);
  assert.equal(clock.sleeping, 0);
});

Deno.test("readWatchedStream() cancels the call when the reader leaves", async () => {
  const { call, messages, next, assertLeft } = makeRig();
  const message = next();
  call.send("a");
  await message;
  assert.equal(call.signal?.aborted, false);
  await messages.return(undefined);
  assertLeft();
});

Deno.test("readWatchedStream() throws a fault after a minute without any message, and cancels the call", async () => {
  const { clock, next, assertLeft } = makeRig();
  const message = next();
  await advance(clock, IDLE_MS - 1);
  assert.equal(clock.sleeping, 1);
  await advance(clock, 1);
  await assert.rejects(
    message,
    (error) =>
      error instanceof Fault && error.kind === "unavailable" &&
      error.message === "Cannot read a recording: no message for 60 s",
  );
  assertLeft();
});

Deno.test("readWatchedStream() takes a server that sends something now and then for alive", async () => {
  const { call, clock, next } = makeRig();
  for (let i = 0; i < 30; i++) {
    const message = next();
    await advance(clock, 25_000);
    call.send(String(i));
    assert.equal((await message).value, String(i));
  }
});

Deno.test("readWatchedStream() counts silence from the last message", async () => {
  const { call, clock, next } = makeRig();
  const first = next();
  await advance(clock, 59_000);
  call.send("a");
  await first;
  const second = next();
  await advance(clock, 59_999);
  assert.equal(call.signal?.aborted, false);
  await advance(clock, 1);
  await assert.rejects(second, /no message for 60 s/);
});

Deno.test("readWatchedStream() counts no silence while its reader is busy", async () => {
  const { call, clock, next } = makeRig();
  const first = next();
  call.send("a");
  await first;
  await advance(clock, 10 * IDLE_MS);
  assert.equal(call.signal?.aborted, false);
  const second = next();
  await advance(clock, IDLE_MS - 1);
  call.send("b");
  assert.equal((await second).value, "b");
});

Deno.test("readWatchedStream() turns what the call failed by into a fault that names the purpose", async () => {
  for (
    const [error, kind] of [
      [new ConnectError("no such session", Code.NotFound), "missing"],
      [new ConnectError("no such call", Code.Unimplemented), "unsupported"],
      [new ConnectError("corrupted", Code.DataLoss), "protocol"],
      [new Error("socket hang up"), "unavailable"],
    ] as const
  ) {
    const { call, next, assertLeft } = makeRig();
    const message = next();
    call.fail(error);
    await assert.rejects(
      message,
      (fault) =>
        fault instanceof Fault && fault.kind === kind &&
        /Cannot read a recording/.test(fault.message),
    );
    assertLeft();
  }
});

Deno.test("readWatchedStream() turns what the start of the call throws into a fault", async () => {
  const clock = new FakeClock();
  const messages = readWatchedStream({
    call: () => {
      throw new ConnectError("not now", Code.Unavailable);
    },
    purpose: "read",
    clock,
    signal: new AbortController().signal,
  });
  await assert.rejects(messages.next(), (error) => error instanceof Fault);
  assert.equal(clock.sleeping, 0);
});

Deno.test("readWatchedStream() throws the reason of its signal as it is, while it waits or at the next message", async () => {
  const reason = new Error("stopped");
  const waiting = makeRig();
  const message = waiting.next();
  await waiting.clock.waitForSleepers();
  waiting.abort.abort(reason);
  await assert.rejects(message, (error) => error === reason);
  waiting.assertLeft();
  const busy = makeRig();
  const first = busy.next();
  busy.call.send("a");
  await first;
  busy.abort.abort(reason);
  await assert.rejects(busy.next(), (error) => error === reason);
  busy.assertLeft();
});
