import assert from "node:assert/strict";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import type { Page } from "../../src/pipeline/ports.ts";
import type { EventUnstructured } from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { CallCutError } from "../../src/teleport/grpc_call.ts";
import { ChunkStream, type ChunkStreamOptions } from "../../src/teleport/chunk_stream.ts";
import { FakeClock } from "../support/fake_clock.ts";

const BEGINNING: Position = { version: 1, cursor: "" };

/** A message of the export. */
interface Item {
  readonly event: Omit<EventUnstructured, "$typeName"> | undefined;
  readonly cursor: string;
}

/** A chunk of events `e0`, `e1`, …; the cursor after event n is `n`. */
class ChunkClient {
  readonly requests: { date: string; chunk: string; cursor: string }[] = [];
  readonly signals: AbortSignal[] = [];
  count: number;
  /** Breaks before this event. */
  breakAt: number | undefined;
  /** The call that comes to one of these events is cut before it, once. */
  readonly cutAt = new Set<number>();
  /** Items without an event after which the cursor has moved all the same. */
  readonly blanks = new Set<number>();
  /** Messages that come at a time. */
  batchSize = 3;

  constructor(count: number) {
    this.count = count;
  }

  async *exportUnstructuredEvents(
    request: { date: { seconds: bigint }; chunk: string; cursor: string },
    { signal }: { signal: AbortSignal },
  ) {
    this.requests.push({
      date: new Date(Number(request.date.seconds) * 1000).toISOString(),
      chunk: request.chunk,
      cursor: request.cursor,
    });
    this.signals.push(signal);
    const first = request.cursor === "" ? 0 : Number(request.cursor) + 1;
    let batch: Item[] = [];
    for (let at = first; at < this.count; at++) {
      if (this.cutAt.delete(at)) {
        yield batch;
        throw new CallCutError();
      }
      if (at === this.breakAt) {
        yield batch;
        throw new ConnectError("connection reset", Code.Unavailable);
      }
      const event = {
        type: "test",
        id: `e${at}`,
        time: timestampFromMs(at * 1000),
        index: 0n,
        unstructured: new Uint8Array(0),
      };
      batch.push({ event: this.blanks.has(at) ? undefined : event, cursor: String(at) });
      if (batch.length < this.batchSize && at < this.count - 1) continue;
      await Promise.resolve();
      if (signal.aborted) throw new ConnectError("canceled", Code.Canceled);
      yield batch;
      batch = [];
    }
  }
}

function openStream(client: ChunkClient, options: Partial<ChunkStreamOptions> = {}) {
  return new ChunkStream({
    auditLog: client as unknown as ChunkStreamOptions["auditLog"],
    clock: new FakeClock(),
    date: "2026-01-31",
    chunk: "a/b",
    isDone: () => false,
    isLive: () => false,
    onPassedOver: assert.fail,
    ...options,
  });
}

/** All pages, and the fault that ended them. */
async function readAll(
  stream: ChunkStream,
  position = BEGINNING,
  signal = new AbortController().signal,
) {
  const pages: Page[] = [];
  let error: unknown;
  try {
    for await (const page of stream.read(position, signal)) pages.push(page);
  } catch (thrown) {
    error = thrown;
  }
  return { pages, error, ids: pages.flatMap((page) => page.events.map((event) => event.id)) };
}

function idsFrom(first: number, end: number): string[] {
  return Array.from({ length: end - first }, (_, i) => `e${first + i}`);
}

Deno.test("ChunkStream.read() asks for the chunk of the date from the cursor on, and leaves no call open", async () => {
  const client = new ChunkClient(3);
  const stream = openStream(client);
  assert.equal(stream.id, "chunk/2026-01-31/a/b");
  const { ids, pages } = await readAll(stream, { version: 1, cursor: "0" });
  assert.deepEqual(client.requests, [
    { date: "2026-01-31T00:00:00.000Z", chunk: "a/b", cursor: "0" },
  ]);
  assert.deepEqual(ids, ["e1", "e2"]);
  assert.deepEqual(pages.at(-1)!.position, { version: 1, cursor: "2" });
  assert.equal(client.signals[0]!.aborted, true);
});

Deno.test("ChunkStream.read() reads an empty chunk as one empty page that stays where it was", async () => {
  for (const cursor of ["", "x"]) {
    const { pages } = await readAll(openStream(new ChunkClient(0)), { version: 1, cursor });
    assert.deepEqual(pages.map((page) => page.events), [[]]);
    assert.deepEqual(pages[0]!.position, { version: 1, cursor });
  }
});

Deno.test("ChunkStream.read() hands on pages of at most 500 events", async () => {
  const { pages, ids } = await readAll(openStream(new ChunkClient(1201)));
  assert.deepEqual(pages.map((page) => page.events.length), [500, 500, 201]);
  assert.deepEqual(ids, idsFrom(0, 1201));
});

Deno.test("ChunkStream.read() resumes after any event without a gap or a repeat", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 1100 }),
      fc.nat(),
      fc.uniqueArray(fc.nat({ max: 1100 }), { maxLength: 20 }),
      async (count, cut, blanks) => {
        const client = new ChunkClient(count);
        for (const at of blanks) client.blanks.add(at);
        const { pages, ids } = await readAll(openStream(client));
        if (ids.length === 0) return;
        const index = cut % ids.length;
        let before = 0;
        const page = pages.find((page) => (before += page.events.length) > index)!;
        const position = page.positionAfter(index - (before - page.events.length));
        const resumed = await readAll(openStream(client), JSON.parse(JSON.stringify(position)));
        assert.deepEqual(resumed.ids, ids.slice(index + 1));
        const next = await readAll(openStream(client), page.position);
        assert.deepEqual(next.ids, ids.slice(before));
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("ChunkStream.read() leaves out what is done, and moves past it", async () => {
  const client = new ChunkClient(1000);
  const { ids, pages } = await readAll(
    openStream(client, { isDone: ({ timeMs }) => timeMs < 998_000 }),
  );
  assert.deepEqual(ids, ["e998", "e999"]);
  assert.deepEqual(pages.at(-1)!.position, { version: 1, cursor: "999" });
});

Deno.test("ChunkStream.read() hands on what came before a break, so that a chunk moves on however it breaks", async () => {
  const client = new ChunkClient(30);
  let position = BEGINNING;
  const ids: string[] = [];
  for (const breakAt of [7, 8, 25]) {
    client.breakAt = breakAt;
    const { pages, error, ids: read } = await readAll(openStream(client), position);
    assert.ok(error instanceof Fault && error.kind === "unavailable");
    assert.match(error.message, /export chunk 'a\/b' of 2026-01-31/);
    position = pages.at(-1)!.position;
    ids.push(...read);
  }
  client.breakAt = undefined;
  ids.push(...(await readAll(openStream(client), position)).ids);
  assert.deepEqual(ids, idsFrom(0, 30));
});

Deno.test("ChunkStream.read() hands on no page when it breaks before the first event, or after a page", async () => {
  const client = new ChunkClient(600);
  client.breakAt = 0;
  assert.deepEqual((await readAll(openStream(client))).pages, []);
  client.breakAt = 500;
  assert.equal((await readAll(openStream(client))).pages.length, 1);
});

Deno.test("ChunkStream.read() moves past done events before a break", async () => {
  const client = new ChunkClient(30);
  client.breakAt = 20;
  const { pages } = await readAll(openStream(client, { isDone: () => true }));
  assert.deepEqual(pages.map((page) => [page.events, page.position]), [
    [[], { version: 1, cursor: "19" }],
  ]);
});

Deno.test("ChunkStream.read() says that its events are a backlog until all is live", async () => {
  for (const isLive of [false, true]) {
    const { pages } = await readAll(openStream(new ChunkClient(3), { isLive: () => isLive }));
    assert.equal(pages[0]!.backlog, !isLive);
  }
});

Deno.test("ChunkStream.read() throws the reason of its signal, and hands on nothing more", async () => {
  const reason = new Error("stopped");
  const stop = new AbortController();
  const client = new ChunkClient(30);
  const stream = openStream(client, {
    isDone: ({ id }) => {
      if (id === "e10") stop.abort(reason);
      return false;
    },
  });
  const { pages, error } = await readAll(stream, BEGINNING, stop.signal);
  assert.equal(error, reason);
  assert.deepEqual(pages, []);
});

Deno.test("ChunkStream.read() takes a stored value without a cursor for the beginning", async () => {
  for (const stored of [{}, { version: 1, cursor: 7 }] as Position[]) {
    assert.deepEqual((await readAll(openStream(new ChunkClient(2)), stored)).ids, ["e0", "e1"]);
  }
});

Deno.test("ChunkStream.read() does not take a cursor that the store has no room for", async () => {
  const client = {
    async *exportUnstructuredEvents() {
      await Promise.resolve();
      yield [{ event: undefined, cursor: "x".repeat(4097) }];
    },
  };
  const { error, pages } = await readAll(openStream(client as unknown as ChunkClient));
  assert.deepEqual(pages, []);
  assert.ok(error instanceof Fault && error.kind === "protocol");
  assert.match(error.text, /a cursor of 4097 characters/);
});

for (const lap of [1, 2, 3, 700]) {
  Deno.test(`ChunkStream.read() leaves a chunk that goes in circles of ${lap}, tells of it, and repeats little`, async () => {
    const client = new ChunkClient(10_000);
    const read = client.exportUnstructuredEvents.bind(client);
    client.exportUnstructuredEvents = async function* (request, options) {
      for (let round = 0; round < 100; round++) {
        let left = 5 + lap;
        for await (const messages of read(request, options)) {
          const kept = messages.filter(() => left > 0 && (--left < lap || round === 0));
          if (kept.length > 0) yield kept;
          if (left === 0) break;
        }
      }
    };
    const told: string[] = [];
    const { error, ids } = await readAll(
      openStream(client, { onPassedOver: (reason) => told.push(reason) }),
    );
    assert.equal(error, undefined);
    assert.deepEqual([...new Set(ids)], idsFrom(0, 5 + lap));
    assert.ok(ids.length <= 3 * (lap + 5), `${ids.length} events of ${lap + 5}`);
    assert.equal(told.length, 1);
    assert.match(
      told[0]!,
      /chunk 'a\/b' of 2026-01-31 to its end: the server gives the same events/,
    );
  });
}

Deno.test("ChunkStream.read() finds its place from the beginning when the server gives nothing after a cursor", async () => {
  for (const [at, expected] of [["2", idsFrom(3, 8)], ["7", []], ["unknown", []]] as const) {
    const client = new ChunkClient(8);
    const read = client.exportUnstructuredEvents.bind(client);
    client.exportUnstructuredEvents = async function* (request, options) {
      if (request.cursor === "") yield* read(request, options);
    };
    const { ids, pages } = await readAll(openStream(client), { version: 1, cursor: at });
    assert.deepEqual(ids, expected);
    const cursor = expected.length > 0 ? "7" : at;
    assert.deepEqual(pages.at(-1)!.position, { version: 1, cursor });
  }
});

Deno.test("ChunkStream.read() goes on where a call was cut, and neither loses nor repeats an event", async () => {
  for (const places of [[0], [1], [4, 5, 6], [3, 500, 1100], [1199]]) {
    const client = new ChunkClient(1200);
    for (const place of places) client.cutAt.add(place);
    const { error, ids } = await readAll(openStream(client));
    assert.equal(error, undefined);
    assert.deepEqual(ids, idsFrom(0, 1200));
    const cursors = ["", ...places.map((place) => place === 0 ? "" : `${place - 1}`)];
    assert.deepEqual(client.requests.map(({ cursor }) => cursor), cursors);
  }
});
