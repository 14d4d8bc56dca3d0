import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import fc from "fast-check";
import { WebSocketStream } from "../../../src/teleport/routes/web_socket_stream.ts";
import { fuzzTest } from "../../support/fuzz.ts";

/** The other end of a connection: what is pushed comes in, what is written is kept. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

function open(rest = Buffer.alloc(0)): { wire: Wire; stream: WebSocketStream } {
  const wire = new Wire();
  return { wire, stream: new WebSocketStream(wire as unknown as TLSSocket, rest) };
}

/** A frame as a server writes it: without a mask. */
function frame(opcode: number, payload: Uint8Array, isFinal = true): Buffer {
  const { length } = payload;
  const head = [(isFinal ? 0x80 : 0) | opcode];
  if (length < 126) head.push(length);
  else if (length < 65536) head.push(126, length >> 8, length & 0xff);
  else head.push(127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 0xff, length & 0xff);
  return Buffer.concat([Buffer.from(head), payload]);
}

/** Reads to the end, or to the error. */
async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

fuzzTest("WebSocketStream gives the bytes of all frames, however the connection cuts them", {
  arbitrary: fc.record({
    payloads: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
    large: fc.constantFrom(0, 125, 126, 65_535, 65_536, 70_000),
    cuts: fc.array(fc.nat(400), { maxLength: 12 }),
    early: fc.nat(50),
  }),
  async check({ cuts, early, large, payloads }) {
    const all = [...payloads, new Uint8Array(large).fill(7)];
    const bytes = Buffer.concat([
      ...all.flatMap((
        payload,
        i,
      ) => [frame(i % 2 === 0 ? 2 : 0, payload), frame(9, payload.subarray(0, 9))]),
      frame(8, new Uint8Array()),
    ]);
    const { stream, wire } = open(bytes.subarray(0, early));
    const read = readAll(stream);
    let at = early;
    for (const cut of cuts) {
      wire.push(bytes.subarray(at, at + cut));
      at += cut;
    }
    wire.push(bytes.subarray(at));
    assert.deepEqual(await read, Buffer.concat(all));
    // Each ping was answered with its own content, masked with zeros.
    const pongs = wire.written.filter((chunk) => chunk[0] === 0x8a);
    assert.deepEqual(
      pongs.map((pong) => pong.subarray(6)),
      all.map((p) => Buffer.from(p.subarray(0, 9))),
    );
  },
});

for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
  Deno.test(`WebSocketStream writes ${length} bytes as one masked binary frame`, async () => {
    const { stream, wire } = open();
    const payload = Buffer.alloc(length, 9);
    await new Promise<void>((resolve) => stream.write(payload, () => resolve()));
    const [written] = wire.written;
    assert.equal(written![0], 0x82);
    assert.equal(written![1]! & 0x80, 0x80);
    const headBytes = length < 126 ? 6 : length < 65_536 ? 8 : 14;
    assert.equal(written!.length, headBytes + length);
    assert.deepEqual(written!.subarray(headBytes - 4, headBytes), Buffer.alloc(4));
    assert.deepEqual(written!.subarray(headBytes), payload);
    stream.destroy();
  });
}

/** Beginnings of what no server may send. */
const BROKEN: readonly [what: string, bytes: number[], words: RegExp][] = [
  ["flags that nobody agreed on", [0xc2, 1, 0], /unknown flags/],
  ["a mask", [0x82, 0x81, 0, 0, 0, 0, 0], /masked/],
  ["a text frame", [0x81, 1, 65], /of kind 1/],
  ["an unknown kind", [0x83, 0], /of kind 3/],
  ["a long ping", [0x89, 126, 0, 200], /too long/],
  ["a ping in parts", [0x09, 1, 0], /too long/],
];

for (const [what, bytes, words] of BROKEN) {
  Deno.test(`WebSocketStream breaks off over ${what}`, async () => {
    const { stream, wire } = open();
    wire.push(Buffer.from(bytes));
    await assert.rejects(readAll(stream), words);
    assert.ok(wire.destroyed);
  });
}

Deno.test("WebSocketStream ends when the connection ends, and says goodbye when it ends itself", async () => {
  const one = open();
  one.wire.push(frame(2, Buffer.from("ab")));
  one.wire.push(null);
  assert.equal(String(await readAll(one.stream)), "ab");
  const other = open();
  other.stream.end();
  await new Promise<void>((resolve) => other.wire.once("finish", () => resolve()));
  assert.deepEqual(other.wire.written.at(-1), Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  other.stream.destroy();
});
