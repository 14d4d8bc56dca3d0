/**
 * What every store of positions does, whatever it keeps them in. The suite runs over the memory, over
 * Deno KV in a file and over Deno KV in memory.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonValue, Position } from "../../src/core/position.ts";
import type { PositionStore } from "../../src/pipeline/ports.ts";

/** A store of its own for one test. */
export interface PositionStoreSubject extends AsyncDisposable {
  readonly store: PositionStore;
}

const VALUES: readonly [string, Position][] = [
  ["an empty position", {}],
  ["nested values", { a: [1, { b: [] }, null, true], c: { d: { e: "f" } } }],
  ["awkward texts", { "key with spaces": ' ü"\\/\n\t\0🗝', "": "" }],
  ["numbers at their limits", { max: Number.MAX_SAFE_INTEGER, min: -1e300, small: 5e-324 }],
  ["keys that objects inherit", { constructor: 1, toString: "x" }],
  ["as much as a log position may hold", {
    ids: Array.from({ length: 1200 }, (_, i) => `id-${i}`.padEnd(36, "x")),
  }],
];

/** Registers the suite for one kind of store. */
export function testPositionStoreContract(
  name: string,
  open: () => Promise<PositionStoreSubject>,
): void {
  const test = (clause: string, fn: (store: PositionStore) => Promise<void>) =>
    Deno.test(`${name} ${clause}`, async () => {
      await using subject = await open();
      await fn(subject.store);
    });

  test("has no position of a stream that committed none", async (store) => {
    assert.equal(await store.read("log"), undefined);
  });

  for (const [what, position] of VALUES) {
    test(`gives back ${what} as it was committed`, async (store) => {
      await store.commit({ streamId: "log", position });
      assert.deepEqual(await store.read("log"), position);
    });
  }

  test("gives back any position that JSON can hold", async (store) => {
    const positions = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));
    await fc.assert(
      fc.asyncProperty(positions, async (values) => {
        const position = JSON.parse(JSON.stringify(values)) as { [key: string]: JsonValue };
        await store.commit({ streamId: "log", position });
        assert.deepEqual(await store.read("log"), position);
      }),
      { numRuns: 40 },
    );
  });

  test("replaces a position whole", async (store) => {
    await store.commit({ streamId: "log", position: { a: 1, b: 2 } });
    await store.commit({ streamId: "log", position: { b: 3 } });
    assert.deepEqual(await store.read("log"), { b: 3 });
  });

  test("keeps the positions of streams apart", async (store) => {
    const ids = ["log", "log/", "chunk/2026-01-01/a", "chunk/2026-01-01", "session/ü", "session/"];
    for (const [at, streamId] of ids.entries()) await store.commit({ streamId, position: { at } });
    for (const [at, streamId] of ids.entries()) {
      assert.deepEqual(await store.read(streamId), { at });
    }
    assert.equal(await store.read("chunk"), undefined);
  });

  test("keeps the last of commits that were not waited for one by one", async (store) => {
    const commits = Array.from(
      { length: 50 },
      (_, at) => store.commit({ streamId: "log", position: { at } }),
    );
    await Promise.all(commits);
    assert.deepEqual(await store.read("log"), { at: 49 });
  });

  test("gives copies: what a caller does to them does not reach the store", async (store) => {
    const position = { list: [1] };
    await store.commit({ streamId: "log", position });
    position.list.push(2);
    const read = await store.read("log") as { list: number[] };
    read.list.push(3);
    assert.deepEqual(await store.read("log"), { list: [1] });
  });
}
