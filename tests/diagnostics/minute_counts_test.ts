import assert from "node:assert/strict";
import { MinuteCounts } from "../../src/diagnostics/minute_counts.ts";

const MINUTE_MS = 60_000;

Deno.test("MinuteCounts lists 60 minutes, the current one last", () => {
  const counts = new MinuteCounts();
  counts.add(1, 0);
  counts.add(2, 59_999);
  counts.add(4, 2 * MINUTE_MS);
  const list = counts.list(2 * MINUTE_MS + 1);
  assert.equal(list.length, 60);
  assert.deepEqual(list.slice(-3), [3, 0, 4]);
  assert.equal(list.reduce((sum, count) => sum + count), 7);
});

Deno.test("MinuteCounts forgets what is older than an hour, also after a long silence", () => {
  const counts = new MinuteCounts();
  counts.add(1, 0);
  counts.add(2, 59 * MINUTE_MS);
  assert.equal(counts.list(59 * MINUTE_MS)[0], 1);
  assert.equal(counts.list(60 * MINUTE_MS).reduce((sum, count) => sum + count), 2);
  assert.equal(counts.list(500 * MINUTE_MS).reduce((sum, count) => sum + count), 0);
});
