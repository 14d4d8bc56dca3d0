import assert from "node:assert/strict";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import {
  decodeSessionPosition,
  encodeSessionPosition,
  type SessionPosition,
} from "../../src/core/session_position.ts";
import type { Page } from "../../src/pipeline/ports.ts";
import type { EventUnstructured } from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { CallCutError } from "../../src/teleport/grpc_call.ts";
import { SessionStream, type SessionStreamOptions } from "../../src/teleport/session_stream.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Messages that come at a time. */
const BATCH_EVENTS = 3;
const SID = "8f1c3a52-6f0e-4a3b-9d0e-0123456789ab";

/** A recording by the indexes of its events; their ids are their places in it. */
class RecordingClient {
  readonly requests: { sessionId: string; startIndex: number }[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #indexes: readonly number[];
  /** Breaks before this place. */
  breakAt: number | undefined;
  /** The call that comes to one of these places is cut before it, once. */
  readonly cutAt = new Set<number>();
  /** Called before each event is sent. */
  onSend: (at: number) => void = () => {};

  constructor(indexes: readonly number[]) {
    this.#indexes = indexes;
  }

  async *streamUnstructuredSessionEvents(
    request: { sessionId: string; startIndex: number },
    { signal }: { signal: AbortSignal },
  ) {
    this.requests.push(request);
    this.signals.push(signal);
    let batch: Omit<EventUnstructured, "$typeName">[] = [];
    for (const [at, index] of this.#indexes.entries()) {
      if (index < request.startIndex) continue;
      await Promise.resolve();
      if (signal.aborted) throw new ConnectError("canceled", Code.Canceled);
      if (this.cutAt.delete(at)) {
        yield batch;
        throw new CallCutError();
      }
      if (at === this.breakAt) {
        yield batch;
        throw new ConnectError("recording is corrupted", Code.DataLoss);
      }
      this.onSend(at);
      batch.push({
        type: "print",
        id: String(at),
        time: timestampFromMs(0),
        index: BigInt(index),
        unstructured: new Uint8Array(0),
      });
      if (batch.length < BATCH_EVENTS && at < this.#indexes.length - 1) continue;
      yield batch;
      batch = [];
    }
    if (this.breakAt === this.#indexes.length) throw new ConnectError("reset", Code.Unavailable);
  }
}

function openStream(client: RecordingClient): SessionStream {
  return new SessionStream({
    auditLog: client as unknown as SessionStreamOptions["auditLog"],
    clock: new FakeClock(),
    sessionId: SID,
  });
}

function from(index: number, overrides: Partial<SessionPosition> = {}): Position {
  return encodeSessionPosition({ index, uploadMs: 5000, attempts: 3, dueMs: 9000, ...overrides });
}

/** All pages, and what ended them. */
async function readAll(
  client: RecordingClient,
  position = from(0),
  signal = new AbortController().signal,
) {
  const pages: Page[] = [];
  let error: unknown;
  try {
    for await (const page of openStream(client).read(position, signal)) pages.push(page);
  } catch (thrown) {
    error = thrown;
  }
  return { pages, error, ids: pages.flatMap((page) => page.events.map((event) => event.id)) };
}

function count(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function indexOf(position: Position): number {
  return decodeSessionPosition(position).index;
}

Deno.test("SessionStream.read() asks for the session from the first index that is wanted, and leaves no call open", async () => {
  const client = new RecordingClient(count(5));
  assert.equal(openStream(client).id, `session/${SID}`);
  const { ids } = await readAll(client, from(3));
  assert.deepEqual(client.requests, [{ sessionId: SID, startIndex: 3 }]);
  assert.deepEqual(ids, ["3", "4"]);
  assert.equal(client.signals[0]!.aborted, true);
});

Deno.test("SessionStream.read() keeps the time of the upload and forgets the tries once events have come", async () => {
  const { pages } = await readAll(new RecordingClient(count(2)));
  assert.deepEqual(decodeSessionPosition(pages[0]!.position), {
    index: 2,
    uploadMs: 5000,
    attempts: 0,
    dueMs: 9000,
  });
});

Deno.test("SessionStream.read() reads an empty recording as one empty page that stays where it was", async () => {
  for (const index of [0, 7]) {
    const { pages } = await readAll(new RecordingClient([]), from(index));
    assert.deepEqual(pages.map((page) => page.events), [[]]);
    assert.equal(indexOf(pages[0]!.position), index);
  }
});

Deno.test("SessionStream.read() hands on pages of about 200 events, all of them a backlog", async () => {
  const { pages, ids } = await readAll(new RecordingClient(count(450)));
  assert.deepEqual(pages.map((page) => page.events.length), [200, 200, 50]);
  assert.deepEqual(ids, count(450).map(String));
  assert.ok(pages.every((page) => page.backlog));
});

Deno.test("SessionStream.read() resumes after any event without a gap, and repeats only events that share its index", async () => {
  await fc.assert(
    fc.asyncProperty(
      // How far each index is from the one before: 0 where events share one.
      fc.array(fc.nat({ max: 2 }), { minLength: 1, maxLength: 500 }),
      fc.nat(),
      async (steps, cut) => {
        let index = 0;
        const indexes = steps.map((step) => index += step);
        const { pages } = await readAll(new RecordingClient(indexes));
        const at = cut % indexes.length;
        let before = 0;
        const page = pages.find((page) => (before += page.events.length) > at)!;
        const position = page.positionAfter(at - (before - page.events.length));
        const stored = JSON.parse(JSON.stringify(position));
        const resumed = await readAll(new RecordingClient(indexes), stored);
        const isShared = indexes[at + 1] === indexes[at];
        const first = isShared ? indexes.indexOf(indexes[at]!) : at + 1;
        assert.deepEqual(resumed.ids, count(indexes.length).slice(first).map(String));
        // Whole pages repeat nothing.
        const next = await readAll(new RecordingClient(indexes), page.position);
        assert.deepEqual(next.ids, count(indexes.length).slice(before).map(String));
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("SessionStream.read() keeps events that share an index on one page", async () => {
  const indexes = [...count(199), ...Array<number>(50).fill(199), 200];
  const { pages } = await readAll(new RecordingClient(indexes));
  assert.deepEqual(pages.map((page) => page.events.length), [249, 1]);
});

Deno.test("SessionStream.read() holds no more than some thousand events that share an index, and loses none of them", async () => {
  const indexes = Array<number>(9000).fill(0);
  const { pages, ids } = await readAll(new RecordingClient(indexes));
  assert.ok(pages.every((page) => page.events.length <= 2000));
  assert.equal(ids.length, 9000);
  // The rest of the index is still wanted.
  assert.deepEqual(pages.slice(0, -1).map((page) => indexOf(page.position)), [0, 0, 0, 0]);
  assert.equal(indexOf(pages.at(-1)!.position), 1);
});

Deno.test("SessionStream.read() hands on what came before a break, but for the last index, of which more may come", async () => {
  const indexes = [0, 1, 2, 2, 3, 3, 3, 4];
  for (
    const [breakAt, expected] of [[0, 0], [1, 0], [2, 1], [3, 2], [4, 2], [6, 4], [7, 4], [8, 7]]
  ) {
    const client = new RecordingClient(indexes);
    client.breakAt = breakAt;
    const { ids, pages, error } = await readAll(client);
    assert.ok(error instanceof Fault, `${error}`);
    assert.deepEqual(ids, count(expected!).map(String), `${breakAt}`);
    if (expected! > 0) assert.equal(indexOf(pages.at(-1)!.position), indexes[expected!]);
  }
});

Deno.test("SessionStream.read() yields nothing for a recording that breaks at the same place again, so that the tries count", async () => {
  const client = new RecordingClient(count(50));
  client.breakAt = 20;
  const first = await readAll(client);
  const again = await readAll(client, first.pages.at(-1)!.position);
  assert.deepEqual(again.pages, []);
  assert.ok(again.error instanceof Fault && again.error.kind === "protocol");
});

Deno.test("SessionStream.read() takes a recording with indexes beyond all bounds for one without an end", async () => {
  const client = new RecordingClient([20_000_000, 20_000_001]);
  const { error } = await readAll(client, from(20_000_000));
  assert.ok(error instanceof Fault && error.kind === "protocol");
  assert.match(error.message, /more than 20000000 events/);
  assert.equal(client.signals[0]!.aborted, true);
});

Deno.test("SessionStream.read() throws the reason of its signal, and hands on nothing more", async () => {
  const reason = new Error("stopped");
  const stop = new AbortController();
  const client = new RecordingClient(count(50));
  client.onSend = (at) => {
    if (at === 30) stop.abort(reason);
  };
  const { pages, error } = await readAll(client, from(0), stop.signal);
  assert.equal(error, reason);
  assert.deepEqual(pages, []);
});

Deno.test("decodeSessionPosition() takes what is missing or odd for the beginning", () => {
  const beginning = { index: 0, uploadMs: 0, attempts: 0, dueMs: 0 };
  assert.deepEqual(decodeSessionPosition({}), beginning);
  assert.deepEqual(
    decodeSessionPosition({ index: -5, uploadMs: "x", attempts: 1.5, dueMs: null }),
    beginning,
  );
  const position = { index: 3, uploadMs: 1, attempts: 2, dueMs: 4 };
  assert.deepEqual(decodeSessionPosition(encodeSessionPosition(position)), position);
});

Deno.test("SessionStream.read() goes on where a call was cut, and neither loses nor repeats an event of a shared index", async () => {
  const indexes = [0, 1, 2, 2, 2, 3, 4, 4, 5, 6, 6];
  for (let first = 0; first < indexes.length; first++) {
    for (let second = first; second < indexes.length; second++) {
      const client = new RecordingClient(indexes);
      client.cutAt.add(first).add(second);
      const { error, pages } = await readAll(client);
      assert.equal(error, undefined);
      const ids = pages.flatMap((page) => page.events.map(({ id }) => id));
      assert.deepEqual(ids, indexes.map((_, at) => `${at}`), `cut at ${first} and ${second}`);
    }
  }
});
