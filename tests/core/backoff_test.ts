import assert from "node:assert/strict";
import fc from "fast-check";
import { Backoff } from "../../src/core/backoff.ts";

/** The pauses of `count` failures in a row. */
function pauses(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.nextMs());
}

Deno.test("Backoff.nextMs() doubles from firstMs up to maxMs", () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 1000, random: () => 0.999_999 });
  assert.deepEqual(pauses(backoff, 6), [100, 200, 400, 800, 1000, 1000]);
});

Deno.test("Backoff.nextMs() pauses for half of the ceiling at least", () => {
  const backoff = new Backoff({ firstMs: 100, maxMs: 1000, random: () => 0 });
  assert.deepEqual(pauses(backoff, 6), [50, 100, 200, 400, 500, 500]);
});

Deno.test("Backoff.nextMs() spreads evenly between half and whole", () => {
  const backoff = new Backoff({ firstMs: 1000, random: () => 0.25 });
  assert.equal(backoff.nextMs(), 625);
});

Deno.test("Backoff begins with 100 ms and ends with 5 s unless told otherwise", () => {
  const backoff = new Backoff({ random: () => 0.999_999 });
  const all = pauses(backoff, 20);
  assert.deepEqual([all[0], all.at(-1)], [100, 5000]);
});

Deno.test("Backoff.nextMs() differs between two that fail at the same moment", () => {
  const [left, right] = [new Backoff({ firstMs: 1e6, maxMs: 1e9 }), new Backoff({ firstMs: 1e6 })];
  assert.notDeepEqual(pauses(left, 8), pauses(right, 8));
});

Deno.test("Backoff.nextMs() stays within its bounds for ever", () => {
  fc.assert(
    fc.property(
      fc.record({
        firstMs: fc.integer({ min: 1, max: 10_000 }),
        maxMs: fc.integer({ min: 10_000, max: 600_000 }),
        random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      }),
      fc.integer({ min: 1, max: 3000 }),
      ({ firstMs, maxMs, random }, count) => {
        const all = pauses(new Backoff({ firstMs, maxMs, random: () => random }), count);
        for (const [i, ms] of all.entries()) {
          const ceiling = Math.min(maxMs, firstMs * 2 ** i);
          assert.ok(Number.isSafeInteger(ms));
          assert.ok(
            ms >= Math.floor(ceiling / 2) && ms <= Math.ceil(ceiling),
            `${ms} of ${ceiling}`,
          );
        }
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("Backoff.failures counts the failures since reset(), which begins again from the first pause", () => {
  const backoff = new Backoff({ firstMs: 100, random: () => 0 });
  pauses(backoff, 7);
  assert.equal(backoff.failures, 7);
  backoff.reset();
  assert.equal(backoff.failures, 0);
  assert.equal(backoff.nextMs(), 50);
});
