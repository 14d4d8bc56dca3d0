import assert from "node:assert/strict";
import { HEAD_BYTES, parseTriple } from "../../scripts/release/executable_format.ts";

/** The first bytes of an executable, of which only those are set that count. */
function head(values: readonly (readonly [offset: number, uint32: number])[]): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of values) view.setUint32(offset, value, true);
  return bytes;
}

for (
  const [triple, bytes] of [
    ["x86_64-unknown-linux-gnu", head([[0, 0x464c457f], [16, 0x003e0003]])],
    ["aarch64-unknown-linux-gnu", head([[0, 0x464c457f], [16, 0x00b70003]])],
    ["x86_64-apple-darwin", head([[0, 0xfeedfacf], [4, 0x01000007]])],
    ["aarch64-apple-darwin", head([[0, 0xfeedfacf], [4, 0x0100000c]])],
    ["x86_64-pc-windows-msvc", head([[0, 0x5a4d], [60, 0x80], [0x80, 0x4550], [0x84, 0x8664]])],
    [undefined, head([[0, 0x464c457f], [16, 0x00f30003]])], // RISC-V
    [undefined, head([[0, 0x5a4d], [60, 0xffffff]])],
    [undefined, new TextEncoder().encode("#!/bin/sh\n".repeat(100))],
    [undefined, new Uint8Array(3)],
  ] as const
) {
  Deno.test(`parseTriple() finds ${triple ?? "nothing in what is no known executable"}`, () => {
    assert.equal(parseTriple(bytes), triple);
  });
}

Deno.test("parseTriple() finds this machine in the runtime's own executable", async () => {
  using file = await Deno.open(Deno.execPath());
  const bytes = new Uint8Array(HEAD_BYTES);
  await file.read(bytes);
  assert.equal(parseTriple(bytes), Deno.build.target);
});
