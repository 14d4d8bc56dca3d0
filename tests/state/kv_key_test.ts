import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { decodeKvKey, encodeKvKey } from "../../src/state/kv_key.ts";

const part = fc.string({ unit: fc.constantFrom("a", "\0", "\u{ff}", "語", "\u{10ffff}", "/") });

Deno.test("decodeKvKey() gives back every key that encodeKvKey() was given", () => {
  fc.assert(fc.property(fc.array(part), (key) => {
    assert.deepEqual(decodeKvKey(encodeKvKey(key)), key);
  }));
});

Deno.test("encodeKvKey() keeps the order of keys, part by part", () => {
  const compare = (a: readonly string[], b: readonly string[]): number => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = Buffer.compare(Buffer.from(a[i]!), Buffer.from(b[i]!));
      if (order !== 0) return order;
    }
    return Math.sign(a.length - b.length);
  };
  fc.assert(fc.property(fc.array(part), fc.array(part), (a, b) => {
    assert.equal(Math.sign(Buffer.compare(encodeKvKey(a), encodeKvKey(b))), compare(a, b));
  }));
});

Deno.test("decodeKvKey() takes any bytes, or throws a SyntaxError", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
    try {
      decodeKvKey(bytes);
    } catch (error) {
      assert.ok(error instanceof SyntaxError, `${error}`);
    }
  }));
});
