import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { toAuditEvent } from "../../src/teleport/audit_event.ts";
import { decodeMessage, type EventPage } from "../../src/teleport/event_messages.ts";
import {
  EventExportChunkSchema,
  EventsUnstructuredSchema,
  type EventUnstructured,
  EventUnstructuredSchema,
  ExportEventUnstructuredSchema,
} from "../../src/teleport/gen/teleport/auditlog/v1/auditlog_pb.ts";
import { StructJsonWriter } from "../../src/teleport/struct_json.ts";
import { fuzzTest, mutationsOf } from "../support/fuzz.ts";

const text = fc.oneof(
  fc.constantFrom("", "session.start", "user.login"),
  fc.uuid(),
  fc.string({ unit: "grapheme", maxLength: 90 }),
  fc.string({ minLength: 250, maxLength: 300 }),
);

const event = fc.record({
  type: text,
  id: text,
  time: fc.option(
    fc.record({
      seconds: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 36n }), fc.bigInt({ min: -(2n ** 40n) })),
      nanos: fc.oneof(fc.nat(999_999_999), fc.integer()),
    }).map(({ nanos, seconds }) => ({
      nanos,
      seconds: BigInt.asIntN(64, seconds),
    })),
    { nil: undefined },
  ),
  index: fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 40n }), fc.constant(-1n)),
  unstructured: fc.uint8Array({ maxLength: 40 }),
});

const page = fc.record({ items: fc.array(event, { maxLength: 5 }), lastKey: text })
  .map((init) =>
    toBinary(EventsUnstructuredSchema, create(EventsUnstructuredSchema, init as never))
  );
const exported = fc.record({ event: fc.option(event, { nil: undefined }), cursor: text })
  .map((init) =>
    toBinary(ExportEventUnstructuredSchema, create(ExportEventUnstructuredSchema, init as never))
  );
const lone = event.map((init) =>
  toBinary(EventUnstructuredSchema, create(EventUnstructuredSchema, init as never))
);

/** The values of an event alone, whoever read it. */
function valuesOf(read: Omit<EventUnstructured, "$typeName"> | undefined) {
  if (read === undefined) return undefined;
  const { id, index, time, type, unstructured } = read;
  return {
    type,
    id,
    index: BigInt(index),
    unstructured: [...unstructured],
    time: time && { seconds: BigInt(time.seconds), nanos: time.nanos },
  };
}

/** What a reading came to: the values, or that it failed. */
function outcomeOf<O extends DescMessage>(
  read: () => MessageShape<O>,
  values: (message: MessageShape<O>) => unknown,
): unknown {
  try {
    return values(read());
  } catch (error) {
    assert(error instanceof Error);
    return { failure: error.message };
  }
}

function assertSame<O extends DescMessage>(
  schema: O,
  bytes: Uint8Array,
  values: (message: MessageShape<O>) => unknown,
): void {
  assert.deepEqual(
    outcomeOf(() => decodeMessage(schema, bytes), values),
    outcomeOf(() => fromBinary(schema, bytes), values),
  );
}

const CASES = [
  {
    name: "a page",
    arbitrary: page,
    check: (bytes: Uint8Array) =>
      assertSame(EventsUnstructuredSchema, bytes, ({ items, lastKey }) => ({
        items: items.map(valuesOf),
        lastKey,
      })),
  },
  {
    name: "an exported event",
    arbitrary: exported,
    check: (bytes: Uint8Array) =>
      assertSame(ExportEventUnstructuredSchema, bytes, ({ cursor, event }) => ({
        event: valuesOf(event),
        cursor,
      })),
  },
  {
    name: "an event of a recording",
    arbitrary: lone,
    check: (bytes: Uint8Array) => assertSame(EventUnstructuredSchema, bytes, valuesOf),
  },
];

for (const { arbitrary, check, name } of CASES) {
  fuzzTest(`decodeMessage() reads ${name} as protobuf does`, { arbitrary, check });
  fuzzTest(
    `decodeMessage() reads ${name} as protobuf does, or fails with its words, when damaged`,
    {
      arbitrary: arbitrary.chain(mutationsOf),
      check,
    },
  );
}

Deno.test("decodeMessage() leaves messages without events to protobuf", () => {
  const chunk = create(EventExportChunkSchema, { chunk: "a" });
  assert.deepEqual(
    decodeMessage(EventExportChunkSchema, toBinary(EventExportChunkSchema, chunk)),
    chunk,
  );
});

Deno.test("decodeMessage() tells types apart that share a place in what it remembers", () => {
  for (let n = 0; n < 2000; n++) {
    const type = `T${(n * 7919) % 1000}.event`;
    const bytes = toBinary(EventUnstructuredSchema, create(EventUnstructuredSchema, { type }));
    assert.equal(decodeMessage(EventUnstructuredSchema, bytes).type, type);
  }
});

Deno.test("A page gives back the memory of its payloads, and leaves what was made of them", () => {
  // As node:http2 gives them.
  const bytes = Buffer.from(
    toBinary(
      EventsUnstructuredSchema,
      create(EventsUnstructuredSchema, {
        items: [{ id: "a", unstructured: new Uint8Array() }, {
          id: "b",
          unstructured: new Uint8Array([1, 2, 3]),
        }],
        lastKey: "next",
      }),
    ).buffer,
  );
  const page: EventPage = decodeMessage(EventsUnstructuredSchema, bytes);
  const [, damaged] = page.items.map((item) => toAuditEvent(item, new StructJsonWriter()));
  page.release?.();
  assert.equal(bytes.buffer.byteLength, 0);
  assert.deepEqual(damaged!.defect!.raw, new Uint8Array([1, 2, 3]));
  assert.deepEqual(page.items.map(({ id }) => id), ["a", "b"]);
});
