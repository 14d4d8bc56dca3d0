import assert from "node:assert/strict";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { jsonLength, jsonOf } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import { toAuditEvent } from "../../src/teleport/audit_event.ts";
import { decodeBulkPosition, encodeBulkPosition } from "../../src/teleport/bulk_position.ts";
import { toTeleportFault } from "../../src/teleport/grpc_fault.ts";
import {
  afterEvents,
  afterWindow,
  decodeLogPosition,
  encodeLogPosition,
  startOfLog,
} from "../../src/teleport/log_position.ts";
import { StructError, StructJsonWriter } from "../../src/teleport/struct_json.ts";
import { fuzzTest, mutationsOf, textOf } from "../support/fuzz.ts";

/** A number in seven bits a byte, in more bytes than it needs. */
function varint(value: number, padding: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest % 128 + 128);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  for (let i = 0; i < padding; i++) bytes.push(128);
  bytes[bytes.length - 1]! -= 128;
  return bytes;
}

/** Fields of the wire, right and wrong, in each other. */
const { message } = fc.letrec<{ message: number[] }>((tie) => ({
  message: fc.array(
    fc.tuple(
      fc.oneof(fc.constantFrom(0x0a, 0x0a, 0x12, 0x12, 0x2a, 0x32, 0x1a), fc.nat(260)),
      fc.constantFrom(0, 0, 0, 1, 8),
      fc.constantFrom(0, 0, 0, 0, -1, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 40),
      fc.oneof(
        { depthSize: "medium" },
        fc.array(fc.nat(255), { maxLength: 8 }),
        tie("message"),
      ),
    ),
    { maxLength: 3 },
  ).map((fields) =>
    fields.flatMap(([tag, padding, lie, inner]) => {
      const head = varint(tag, padding);
      if ((tag & 7) === 2) {
        return [...head, ...varint(Math.max(0, inner.length + lie), padding), ...inner];
      }
      if ((tag & 7) === 1) return [...head, ...inner.slice(0, 8)];
      if ((tag & 7) === 5) return [...head, ...inner.slice(0, 4)];
      return [...head, ...varint(Math.abs(lie), padding)];
    })
  ),
}));

function writeAsText(bytes: Uint8Array): string {
  const payload = new StructJsonWriter().write(bytes);
  return new TextDecoder("utf-8", { fatal: true }).decode(jsonOf(payload));
}

fuzzTest(
  "StructJsonWriter.write() writes whole JSON of any fields in each other, or throws StructError",
  {
    arbitrary: message,
    allowed: [StructError],
    check(fields) {
      const text = writeAsText(new Uint8Array(fields));
      assert.equal(typeof JSON.parse(text), "object");
      assert.doesNotMatch(text, /[\n\r]/);
    },
  },
);

fuzzTest("StructJsonWriter.write() writes nothing else than the official decoder reads", {
  arbitrary: message,
  check(fields) {
    const bytes = new Uint8Array(fields);
    let text: string;
    let expected: string;
    try {
      text = writeAsText(bytes);
      expected = JSON.stringify(toJson(StructSchema, fromBinary(StructSchema, bytes)));
    } catch {
      // Either of them may be the stricter one.
      return;
    }
    assert.deepEqual(JSON.parse(text), JSON.parse(expected));
  },
});

/** A Struct whose value is a Struct whose value …, written from the inside. */
function nest(kind: 0x2a | 0x32, levels: number): Uint8Array {
  const parts: number[][] = [];
  let length = 0;
  for (let i = 0; i < levels; i++) {
    const value = [kind, ...varint(length, 0)];
    const field = [0x12, ...varint(value.length + length, 0)];
    const entry = kind === 0x2a
      ? [0x0a, ...varint(field.length + value.length + length, 0), ...field, ...value]
      : [0x0a, ...varint(value.length + length, 0), ...value];
    parts.push(entry);
    length += entry.length;
  }
  const inner = parts.reverse().flat();
  if (kind === 0x2a) return new Uint8Array(inner);
  const list = [0x32, ...varint(inner.length, 0), ...inner];
  const value = [0x12, ...varint(list.length, 0), ...list];
  return new Uint8Array([0x0a, ...varint(value.length, 0), ...value]);
}

for (const [what, kind] of [["objects", 0x2a], ["lists", 0x32]] as const) {
  Deno.test(`StructJsonWriter.write() refuses 200,000 ${what} in each other without a deep stack`, () => {
    assert.throws(() => writeAsText(nest(kind, 200_000)), /Nested deeper than 98 levels/);
    assert.doesNotThrow(() => writeAsText(nest(kind, 90)));
  });
}

fuzzTest(
  "toAuditEvent() makes an event of whatever a server sends, its id and type of bounded length",
  {
    arbitrary: fc.record({
      id: fc.oneof(textOf("../", "\0", "\x1b[2J"), fc.string({ minLength: 200, maxLength: 400 })),
      type: fc.oneof(textOf("user.login", "\n"), fc.string({ minLength: 200, maxLength: 400 })),
      time: fc.option(
        fc.record({
          seconds: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          nanos: fc.integer(),
        }),
        { nil: undefined },
      ),
      unstructured: fc.uint8Array({ maxLength: 40 }),
    }),
    check(message) {
      const event = toAuditEvent(message as never, new StructJsonWriter());
      assert.ok(event.id.length > 0 && event.id.length <= 256);
      assert.equal(JSON.stringify(event.id).length, event.id.length + 2);
      assert.ok(event.type.length <= 256);
      assert.ok(!Number.isNaN(event.timeMs));
      assert.equal(event.defect === undefined, jsonLength(event) > 0);
      // It can be stored as done, whatever its time.
      const range = { limitMs: Date.now(), untilMs: Date.now() };
      const after = afterWindow(afterEvents(startOfLog(0), [event], range), range.untilMs);
      assert.deepEqual(decodeLogPosition(encodeLogPosition(after)), after);
    },
  },
);

fuzzTest("toTeleportFault() makes one bounded line of whatever a call threw", {
  arbitrary: fc.tuple(
    fc.oneof(
      textOf("\x1b[2J", "\r\n", "Expired", "UNKNOWN_CA", "x".repeat(2000)),
      fc.string({ unit: "binary" }),
    ),
    fc.nat(20),
    fc.anything(),
  ),
  check([text, code, cause]) {
    const errors = [
      new ConnectError(text, code as Code, undefined, undefined, cause),
      new Error(text, { cause }),
      cause,
    ];
    for (const error of errors) {
      const fault = toTeleportFault("read the audit log", error);
      assert.ok(fault instanceof Fault && typeof fault.kind === "string");
      assert.ok(fault.text.length < 700, `${fault.text.length}`);
      assert.doesNotMatch(fault.text, /\p{Cc}/u);
    }
  },
});

const storedLog = encodeLogPosition(
  afterEvents(startOfLog(Date.UTC(2026)), [{ id: "a", timeMs: Date.UTC(2026) }], {
    limitMs: Date.UTC(2027),
    untilMs: Date.UTC(2027),
  }),
);
const storedBulk = encodeBulkPosition({
  date: "2026-01-31",
  log: decodeLogPosition(storedLog),
  idleAtMs: Date.UTC(2026),
});

/** A stored position of which a piece was damaged, or that is something else altogether. */
function damaged(stored: Position): fc.Arbitrary<Position> {
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom("+275760-09-13T00:00:00Z", "-271821-04-20", "0000", 1e308, -1e308),
  );
  const replaced = fc.tuple(fc.constantFrom(...Object.keys(stored)), odd)
    .map(([key, value]) => ({ ...stored, [key]: value }));
  const bytes = mutationsOf(new TextEncoder().encode(JSON.stringify(stored))).map((bytes) => {
    try {
      const value = JSON.parse(new TextDecoder().decode(bytes));
      return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
    } catch {
      return {};
    }
  });
  return fc.oneof(replaced, bytes, fc.dictionary(fc.string(), fc.jsonValue())) as never;
}

fuzzTest("decodeLogPosition() reads a damaged position as one that works, or throws a Fault", {
  arbitrary: damaged(storedLog),
  allowed: [Fault],
  check(stored) {
    const position = decodeLogPosition(stored);
    const next = afterWindow(position, position.fromMs + 86_400_000);
    decodeLogPosition(encodeLogPosition(next));
  },
});

fuzzTest("decodeBulkPosition() reads a damaged position as one that works, or throws a Fault", {
  arbitrary: damaged(storedBulk),
  allowed: [Fault],
  check(stored) {
    const position = decodeBulkPosition(stored);
    decodeBulkPosition(encodeBulkPosition(position));
    assert.ok(!Number.isNaN(Date.parse(position.date)), "the date does not exist");
  },
});
