import assert from "node:assert/strict";
import fc from "fast-check";
import { jsonOf, type Payload } from "../../src/core/event.ts";
import { PageMemory } from "../../src/teleport/page_memory.ts";
import { encodeTextStruct } from "../support/text_struct.ts";

const PIECE_BYTES = 256 * 1024;

function write(memory: PageMemory, texts: readonly string[]) {
  const payloads = texts.map((text) => memory.writer.write(encodeTextStruct(text)));
  return { texts, payloads, release: memory.endPage() };
}

function read(payload: Payload): unknown {
  return JSON.parse(new TextDecoder().decode(jsonOf(payload))).text;
}

function isReleased({ memory }: Payload): boolean {
  return memory.length === 0;
}

Deno.test("PageMemory releases what a page wrote but for the piece that the next page goes on with", () => {
  const memory = new PageMemory();
  const first = write(memory, ["a", "b".repeat(PIECE_BYTES), "c"]);
  const second = write(memory, ["d", "e".repeat(3 * PIECE_BYTES)]);
  first.release();
  assert.deepEqual(first.payloads.map(isReleased), [true, false, false]);
  assert.deepEqual(second.payloads.map(read), second.texts);
  second.release();
  assert.deepEqual(first.payloads.map(isReleased), [true, true, true]);
  assert.ok(isReleased(second.payloads[0]!));
});

Deno.test("PageMemory leaves every page as it is until it is released, when pages are released in order", () => {
  const text = fc.integer({ min: 0, max: 120_000 }).map((length) => "x".repeat(length));
  const pages = fc.array(fc.tuple(fc.array(text, { maxLength: 6 }), fc.nat(3)), { maxLength: 12 });
  fc.assert(
    fc.property(pages, (pages) => {
      const memory = new PageMemory();
      const waiting: ReturnType<typeof write>[] = [];
      for (const [texts, releases] of pages) {
        waiting.push(write(memory, texts));
        for (let i = 0; i < releases; i++) waiting.shift()?.release();
        for (const page of waiting) assert.deepEqual(page.payloads.map(read), page.texts);
      }
    }),
    { numRuns: 60 },
  );
});
