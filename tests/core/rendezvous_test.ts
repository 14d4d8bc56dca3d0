import assert from "node:assert/strict";
import { rankForStream } from "../../src/core/rendezvous.ts";

const REPLICAS = ["a", "b", "c", "d"];
const STREAMS = Array.from({ length: 4000 }, (_, at) => `session/${at}`);

function firstOf(streamId: string, replicas: readonly string[]): string {
  return replicas.find((id) => rankForStream(streamId, id, replicas) === 0)!;
}

Deno.test("rankForStream() gives each replica a rank of its own", () => {
  for (const streamId of STREAMS.slice(0, 100)) {
    const ranks = REPLICAS.map((id) => rankForStream(streamId, id, REPLICAS));
    assert.deepEqual(ranks.toSorted(), [0, 1, 2, 3]);
  }
});

Deno.test("rankForStream() makes each replica first for an even part of the streams", () => {
  for (const replica of REPLICAS) {
    const count = STREAMS.filter((id) => firstOf(id, REPLICAS) === replica).length;
    assert.ok(Math.abs(count - 1000) < 150, `${replica} is first for ${count} of 4000`);
  }
});

Deno.test("rankForStream() moves no stream between replicas that stay", () => {
  const fewer = REPLICAS.filter((id) => id !== "b");
  for (const streamId of STREAMS) {
    const before = firstOf(streamId, REPLICAS);
    if (before !== "b") assert.equal(firstOf(streamId, fewer), before);
  }
});
