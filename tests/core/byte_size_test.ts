import assert from "node:assert/strict";
import fc from "fast-check";
import { formatByteSize, parseByteSize } from "../../src/core/byte_size.ts";

for (
  const [text, bytes] of [
    ["0", 0],
    ["512", 512],
    ["1B", 1],
    ["1KiB", 1024],
    ["1kb", 1000],
    ["1.5 MiB", 1_572_864],
    ["1GiB", 1_073_741_824],
    ["2GB", 2_000_000_000],
    ["0.5TiB", 549_755_813_888],
    ["1tb", 1_000_000_000_000],
  ] as const
) {
  Deno.test(`parseByteSize() reads ${text} as ${bytes} bytes`, () => {
    assert.equal(parseByteSize(text), bytes);
  });
}

for (
  const text of ["", "GiB", "-1", "1.", ".5", "1  GiB", "1G", "1 GiB ", "1e9", "0x10", "1,5GiB"]
) {
  Deno.test(`parseByteSize() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseByteSize(text), SyntaxError);
  });
}

Deno.test("parseByteSize() refuses what a number cannot hold exactly", () => {
  assert.throws(() => parseByteSize("9000TiB"), RangeError);
});

for (
  const [bytes, text] of [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1_073_741_823, "1023.9 MiB"],
    [1_073_741_824, "1 GiB"],
    [5 * 1024 ** 5, "5120 TiB"],
  ] as const
) {
  Deno.test(`formatByteSize() writes ${bytes} as ${text}`, () => {
    assert.equal(formatByteSize(bytes), text);
  });
}

Deno.test("parseByteSize() reads what formatByteSize() writes, never as more", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => {
    const read = parseByteSize(formatByteSize(bytes));
    assert.ok(read <= bytes && read >= bytes * 0.9);
  }));
});
