import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { MessageSplitter } from "../../src/teleport/message_splitter.ts";
import { envelope } from "../support/raw_http2_server.ts";
import { drawSeed } from "../support/seed.ts";

const MIB = 1024 * 1024;

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** The messages of pieces, and whether one is cut off behind them. */
function split(pieces: readonly Uint8Array[], maxBytes = MIB) {
  const splitter = new MessageSplitter({ maxBytes });
  const messages: Uint8Array[] = [];
  for (const piece of pieces) splitter.push(piece, messages);
  return { messages, isWithinMessage: splitter.isWithinMessage };
}

Deno.test("MessageSplitter gives the messages that were sent, wherever their bytes are cut", () => {
  const message = fc.uint8Array({ maxLength: 40 });
  const property = fc.property(
    fc.array(message, { maxLength: 12 }),
    fc.array(fc.nat(500), { maxLength: 20 }),
    (sent, cuts) => {
      const bytes = concat(sent.map((message) => envelope(message)));
      const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) =>
        a - b
      );
      const pieces = ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
      assert.deepEqual(split(pieces), { messages: sent, isWithinMessage: false });
    },
  );
  fc.assert(property, { seed: drawSeed(), numRuns: 500 });
});

Deno.test("MessageSplitter knows a message that is cut off, also within its head", () => {
  const bytes = concat([envelope(new Uint8Array(3)), envelope(new Uint8Array(7))]);
  for (let length = 0; length <= bytes.length; length++) {
    const { isWithinMessage, messages } = split([bytes.subarray(0, length)]);
    assert.equal(isWithinMessage, ![0, 8, bytes.length].includes(length), `${length} bytes`);
    assert.equal(messages.length, length < 8 ? 0 : length < bytes.length ? 1 : 2);
  }
});

Deno.test("MessageSplitter refuses a packed message, and one that is too large before it comes", () => {
  for (
    const [head, code, words] of [
      [{ flags: 1 }, Code.Internal, /Message with flags 1: it is packed/],
      [{ length: 101 }, Code.ResourceExhausted, /Message of 101 bytes, more than 100/],
    ] as const
  ) {
    assert.throws(() => split([envelope(new Uint8Array(3), head)], 100), (error) => {
      assert.ok(error instanceof ConnectError && error.code === code);
      assert.match(error.message, words);
      return true;
    });
  }
});

Deno.test("MessageSplitter makes little room for a large message on its word alone, and takes it whole", () => {
  const message = new Uint8Array(9 * MIB).map((_, index) => index % 251);
  const bytes = envelope(message);
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / 16_384) },
    (_, index) => bytes.subarray(index * 16_384, (index + 1) * 16_384),
  );
  const { messages } = split(pieces, 10 * MIB);
  assert.equal(messages.length, 1);
  assert.equal(Buffer.compare(messages[0]!, message), 0);
  assert.equal(messages[0]!.buffer.byteLength, message.length);

  const before = Deno.memoryUsage().external;
  const splitter = new MessageSplitter({ maxBytes: 64 * MIB });
  splitter.push(envelope(new Uint8Array(0), { length: 64 * MIB }), []);
  assert.ok(splitter.isWithinMessage);
  assert.ok(Deno.memoryUsage().external - before < 16 * MIB);
});

Deno.test("MessageSplitter gives back the memory of pieces that it has copied whole, and of no others", () => {
  const splitter = new MessageSplitter({ maxBytes: 1000 });
  const messages: Uint8Array[] = [];
  const first = new Uint8Array([0, 0, 0, 0, 9, 1, 2]);
  const whole = new Uint8Array([3, 4, 5]);
  const part = new Uint8Array([6, 7, 8, 100]).subarray(0, 3);
  const last = new Uint8Array([9, 0, 0, 0, 0, 1, 77]);
  for (const piece of [first, whole, part, last]) splitter.push(piece, messages);
  assert.deepEqual(messages.map((message) => [...message]), [[1, 2, 3, 4, 5, 6, 7, 8, 9], [77]]);
  assert.equal(whole.length, 0);
  assert.deepEqual([first.length, part.length, last.length], [7, 3, 7]);
});
