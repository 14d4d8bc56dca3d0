/**
 * What every store of positions does, whatever it keeps them in. The suite runs over the memory, over
 * Deno KV in a file and in memory, and over a KV Connect server.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonValue, Position } from "../../src/core/position.ts";
import type { PositionStore, StreamPosition } from "../../src/pipeline/ports.ts";

/** Ids that whoever makes keys or file names of them could stumble over. */
const AWKWARD_IDS: readonly string[] = [
  "chunk/2026-01-01/",
  "chunk/2026-01-01//",
  "chunk/2026-01-01/a/b",
  "chunk/2026-01-01/../log",
  "chunk/2026-01-01/%2e%2e",
  "chunk/2026-01-01/ ",
  "chunk/2026-01-01/\0",
  "chunk/2026-01-01/\0\0\uffff",
  "chunk/2026-01-01/\n",
  "chunk/2026-01-01/ü",
  // The same to the eye, and not the same.
  "chunk/2026-01-01/u\u0308",
  "chunk/2026-01-01/\u{1f5dd}",
  "chunk/2026-01-01/__proto__",
  // As long as the name of a chunk may be: on a server the key has room for little more.
  `chunk/2026-01-01/${"x".repeat(1536)}`,
  `chunk/2026-01-01/${"ü".repeat(768)}`,
  `chunk/2026-01-01/${"語".repeat(512)}`,
];

async function listAll(store: PositionStore, prefix: string): Promise<StreamPosition[]> {
  return await Array.fromAsync(store.list(prefix));
}

async function listIds(store: PositionStore, prefix: string): Promise<string[]> {
  return (await listAll(store, prefix)).map(({ streamId }) => streamId);
}

/** Streams `PREFIX0000`, `PREFIX0001`, … */
function makeStreams(count: number, prefix: string): StreamPosition[] {
  return Array.from({ length: count }, (_, at) => ({
    streamId: `${prefix}${String(at).padStart(4, "0")}`,
    position: { at },
  }));
}

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

/** Registers the suite for one kind of store; `register` where it needs a peer. */
export function testPositionStoreContract(
  name: string,
  open: () => Promise<PositionStoreSubject>,
  register: (name: string, fn: () => Promise<void>) => void = Deno.test,
): void {
  const test = (clause: string, fn: (store: PositionStore) => Promise<void>) =>
    register(`${name} ${clause}`, async () => {
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

  test("lists the streams with a prefix and their positions, in the order of their ids", async (store) => {
    const ids = [
      "session/b",
      "session/a",
      "session",
      "sessions/x",
      "log",
      "session/",
      "session/a/1",
    ];
    for (const [at, streamId] of ids.entries()) await store.commit({ streamId, position: { at } });
    assert.deepEqual(await listAll(store, "session/"), [
      { streamId: "session/", position: { at: 5 } },
      { streamId: "session/a", position: { at: 1 } },
      { streamId: "session/a/1", position: { at: 6 } },
      { streamId: "session/b", position: { at: 0 } },
    ]);
    assert.deepEqual(await listIds(store, ""), ids.toSorted());
    assert.deepEqual(await listIds(store, "session/c"), []);
  });

  test("lists what begins with any prefix, and nothing else", async (store) => {
    const text = fc.string({
      unit: fc.constantFrom("a", "/", "b", "\0", "ü", "語", "%"),
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(text, { maxLength: 12 }), text, async (ids, prefix) => {
        await store.forget(await listIds(store, ""));
        for (const streamId of ids) await store.commit({ streamId, position: {} });
        const expected = ids.filter((id) => id.startsWith(prefix)).sort();
        assert.deepEqual(await listIds(store, prefix), expected);
      }),
      { numRuns: 40 },
    );
  });

  test("lists thousands of streams", async (store) => {
    const streams = makeStreams(2500, "done/2026-01-01/");
    await store.commit({ streamId: "log", position: {}, open: streams });
    assert.deepEqual(await listAll(store, "done/2026-01-01/"), streams);
  });

  test("goes on listing while what was listed is forgotten", async (store) => {
    const streams = makeStreams(1200, "done/");
    await store.commit({ streamId: "log", position: {}, open: streams });
    const listed: string[] = [];
    for await (const { streamId } of store.list("done/")) {
      listed.push(streamId);
      await store.forget([streamId]);
    }
    assert.deepEqual(listed, streams.map(({ streamId }) => streamId));
    assert.deepEqual(await listIds(store, "done/"), []);
  });

  for (const count of [1, 499, 500, 501, 1000, 1001, 1234]) {
    test(`opens ${count} streams with one commit`, async (store) => {
      const streams = makeStreams(count, "session/");
      await store.commit({ streamId: "log", position: { at: 1 }, open: streams });
      assert.deepEqual(await listAll(store, "session/"), streams);
      assert.deepEqual(await store.read("log"), { at: 1 });
    });
  }

  test("leaves streams that it knows as they are when they are opened", async (store) => {
    await store.commit({ streamId: "session/0001", position: { moved: true } });
    const open = makeStreams(700, "session/");
    await store.commit({ streamId: "log", position: {}, open });
    await store.commit({ streamId: "session/0002", position: { moved: true } });
    await store.commit({ streamId: "log", position: {}, open });
    assert.deepEqual(await store.read("session/0000"), { at: 0 });
    assert.deepEqual(await store.read("session/0001"), { moved: true });
    assert.deepEqual(await store.read("session/0002"), { moved: true });
    assert.equal((await listIds(store, "session/")).length, 700);
  });

  test("opens a stream once that is named twice in a commit", async (store) => {
    const open = [...makeStreams(2, "session/"), ...makeStreams(2, "session/")];
    await store.commit({ streamId: "log", position: {}, open });
    assert.deepEqual(await listAll(store, "session/"), makeStreams(2, "session/"));
  });

  test("opens a stream again that was forgotten", async (store) => {
    const open = makeStreams(1, "session/");
    await store.commit({ streamId: "session/0000", position: { at: 9 } });
    await store.forget(["session/0000"]);
    await store.commit({ streamId: "log", position: {}, open });
    assert.deepEqual(await store.read("session/0000"), { at: 0 });
  });

  test("forgets the streams that it is told of, and no others", async (store) => {
    await store.commit({ streamId: "log", position: {}, open: makeStreams(1201, "done/") });
    await store.forget([]);
    await store.forget(["unknown", "done", "done/"]);
    assert.equal((await listIds(store, "done/")).length, 1201);
    const ids = (await listIds(store, "done/")).slice(0, 1200);
    await store.forget(ids);
    assert.deepEqual(await listIds(store, ""), ["done/1200", "log"]);
    assert.equal(await store.read(ids[0]!), undefined);
  });

  test("moves, opens and forgets in one commit", async (store) => {
    await store.commit({ streamId: "chunk/a", position: {} });
    await store.commit({
      streamId: "done/a",
      position: { at: 1 },
      open: makeStreams(2, "session/"),
      forget: ["chunk/a"],
    });
    assert.deepEqual(await listIds(store, ""), ["done/a", "session/0000", "session/0001"]);
  });

  test("writes a commit whole: whoever reads meanwhile sees all of it or nothing", async (store) => {
    const open = makeStreams(100, "m/");
    for (let round = 0; round < 10; round++) {
      await store.forget(await listIds(store, ""));
      await store.commit({ streamId: "a", position: {} });
      let isDone = false;
      const committing = store.commit({ streamId: "z", position: {}, open, forget: ["a"] })
        .finally(() => isDone = true);
      do {
        const ids = await listIds(store, "");
        assert.ok(
          ids.length === 1 && ids[0] === "a" || ids.length === 101 && ids.at(-1) === "z",
          `${ids}`,
        );
      } while (!isDone);
      await committing;
    }
  });

  test("keeps streams with awkward ids apart, lists, opens and forgets them", async (store) => {
    for (const [at, streamId] of AWKWARD_IDS.entries()) {
      await store.commit({ streamId, position: { at } });
    }
    await store.commit({
      streamId: "log",
      position: {},
      open: AWKWARD_IDS.map((streamId) => ({ streamId, position: { opened: true } })),
    });
    for (const [at, streamId] of AWKWARD_IDS.entries()) {
      assert.deepEqual(await store.read(streamId), { at }, streamId.slice(0, 60));
    }
    const listed = await listIds(store, "chunk/2026-01-01/");
    assert.deepEqual(new Set(listed), new Set(AWKWARD_IDS));
    assert.equal(listed.length, AWKWARD_IDS.length);
    await store.forget(AWKWARD_IDS);
    assert.deepEqual(await listIds(store, ""), ["log"]);
  });

  test("opens a thousand sessions and forgets a thousand chunks with the longest ids that they may have", async (store) => {
    const sessions = makeStreams(1000, `session/${"x".repeat(124)}`);
    await store.commit({ streamId: "log", position: {}, open: sessions });
    assert.equal((await listIds(store, "session/")).length, 1000);
    const chunks = makeStreams(1000, `done/2026-01-01/${"語".repeat(508)}`);
    for (let at = 0; at < 1000; at += 40) {
      await store.commit({ streamId: "log", position: {}, open: chunks.slice(at, at + 40) });
    }
    await store.forget(await listIds(store, "done/"));
    assert.deepEqual(await listIds(store, "done/"), []);
  });
}
