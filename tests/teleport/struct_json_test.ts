import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { create, fromBinary, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  ListValueSchema,
  NullValue,
  StructSchema,
  type Value,
  ValueSchema,
} from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { jsonOf, type Payload } from "../../src/core/event.ts";
import { StructError, StructJsonWriter } from "../../src/teleport/struct_json.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });

function textOf(payload: Payload): string {
  return decoder.decode(jsonOf(payload));
}

function write(bytes: Uint8Array): string {
  return textOf(new StructJsonWriter().write(bytes));
}

/** The reference: decode with the official descriptor, walk the objects, print as protojson does. */
function reference(bytes: Uint8Array): string {
  const entries = Object.entries(fromBinary(StructSchema, bytes).fields);
  return `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${referenceValue(value)}`)}}`;
}

function referenceValue({ kind }: Value): string {
  switch (kind.case) {
    case "numberValue":
      if (Object.is(kind.value, -0)) return "-0";
      return Number.isFinite(kind.value) ? JSON.stringify(kind.value) : `"${kind.value}"`;
    case "structValue": {
      const entries = Object.entries(kind.value.fields);
      return `{${
        entries.map(([key, value]) => `${JSON.stringify(key)}:${referenceValue(value)}`)
      }}`;
    }
    case "listValue":
      return `[${kind.value.values.map(referenceValue)}]`;
    case "stringValue":
    case "boolValue":
      return JSON.stringify(kind.value);
    default:
      return "null";
  }
}

/** A Struct of the message type, so that -0, NaN and infinities survive. */
function toValue(json: unknown): Value {
  if (json === null) {
    return create(ValueSchema, { kind: { case: "nullValue", value: NullValue.NULL_VALUE } });
  }
  switch (typeof json) {
    case "number":
      return create(ValueSchema, { kind: { case: "numberValue", value: json } });
    case "boolean":
      return create(ValueSchema, { kind: { case: "boolValue", value: json } });
    case "string":
      return create(ValueSchema, { kind: { case: "stringValue", value: json } });
  }
  if (Array.isArray(json)) {
    const value = create(ListValueSchema, { values: json.map(toValue) });
    return create(ValueSchema, { kind: { case: "listValue", value } });
  }
  const value = toStruct(json as JsonObject);
  return create(ValueSchema, { kind: { case: "structValue", value } });
}

function toStruct(json: { [key: string]: unknown }) {
  const fields: { [key: string]: Value } = {};
  for (const key of Object.keys(json)) fields[key] = toValue(json[key]);
  return create(StructSchema, { fields });
}

function encode(json: { [key: string]: unknown }): Uint8Array {
  return toBinary(StructSchema, toStruct(json));
}

const text = fc.string({
  unit: fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    fc.constantFrom(...'"\\/\b\f\n\r\t\0\x1f\x7f<>&\u2028é😀'),
  ),
});
const number = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1e21, 1e-7, 2 ** 53, -(2 ** 53), 5e-324),
);
const { object } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    tie("list"),
    tie("object"),
  ),
  list: fc.array(tie("value"), { maxLength: 6 }),
  object: fc.dictionary(
    fc.oneof(text, fc.nat(99).map(String), fc.constantFrom("", "constructor", "toString")),
    tie("value"),
    { maxKeys: 8, noNullPrototype: true },
  ),
}));

Deno.test("StructJsonWriter.write() prints what decoding and JSON.stringify print, for any Struct", () => {
  fc.assert(
    fc.property(object, (json) => {
      const bytes = encode(json as JsonObject);
      const actual = write(bytes);
      // Keys that look like integers come first in an object of JavaScript: compare as a reader sees it.
      assert.deepEqual(JSON.parse(actual), JSON.parse(reference(bytes)));
      const sorted = (s: string) => [...s].sort().join("");
      assert.equal(sorted(actual), sorted(reference(bytes)));
      assert.ok(!/[\n\r]/.test(actual));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("StructJsonWriter.write() keeps the order of the wire", () => {
  assert.equal(write(encode({ b: 1, a: { z: [], y: {} } })), '{"b":1,"a":{"z":[],"y":{}}}');
});

for (
  const [name, value, json] of [
    ["minus zero", -0, "-0"],
    ["not a number", NaN, '"NaN"'],
    ["infinity", Infinity, '"Infinity"'],
    ["minus infinity", -Infinity, '"-Infinity"'],
    ["a large integer", 2 ** 53, "9007199254740992"],
    ["a very large number", 1e21, "1e+21"],
    ["a small fraction", 1.5e-7, "1.5e-7"],
    ["the short escapes", '"\\\b\f\n\r\t', '"\\"\\\\\\b\\f\\n\\r\\t"'],
    ["control characters", "\0\x1f\x7f", '"\\u0000\\u001f\x7f"'],
    ["HTML and separators", "<>&\u2028\u2029/", '"<>&\u2028\u2029/"'],
    ["characters of four bytes", "😀", '"😀"'],
    ["an empty string", "", '""'],
    ["an empty object", {}, "{}"],
    ["an empty list", [], "[]"],
    ["null", null, "null"],
  ] as const
) {
  Deno.test(`StructJsonWriter.write() prints ${name} as protojson does`, () => {
    assert.equal(write(encode({ v: value })), `{"v":${json}}`);
  });
}

Deno.test("StructJsonWriter.write() prints an event without a Struct as an empty object", () => {
  assert.equal(write(new Uint8Array(0)), "{}");
});

Deno.test("StructJsonWriter.write() copes with strings of megabytes that need escapes", () => {
  const long = 'a"\n'.repeat(700_000) + "é";
  assert.equal(write(encode({ long, after: 1 })), JSON.stringify({ long, after: 1 }));
});

Deno.test("StructJsonWriter.write() writes Structs that are parts of one message, wherever they lie", () => {
  const values = [
    "plain",
    'a "quote"',
    "\\",
    "\u{1f600} four",
    "",
    "tab\tin the middle of a long text",
  ];
  const structs = values.map((value) => encode({ [value]: value, n: value.length }));
  const message = new Uint8Array(structs.reduce((sum, { length }) => sum + length + 3, 0));
  let at = 0;
  const parts = structs.map((struct) => {
    message.set(struct, at += 3);
    return message.subarray(at, at += struct.length);
  });
  const writer = new StructJsonWriter();
  const texts = parts.map((part) => textOf(writer.write(part)));
  assert.deepEqual(
    texts.map((text) => JSON.parse(text)),
    values.map((value) => ({ [value]: value, n: value.length })),
  );
});

Deno.test("StructJsonWriter.write() never changes what it returned before", () => {
  const writer = new StructJsonWriter();
  const expected: string[] = [];
  const written: Payload[] = [];
  for (let i = 0; i < 3000; i++) {
    const json = { i, text: "x".repeat(i % 500) };
    expected.push(JSON.stringify(json));
    written.push(writer.write(encode(json)));
  }
  assert.deepEqual(written.map(textOf), expected);
});

Deno.test("StructJsonWriter.write() goes on after a Struct that it refused", () => {
  const writer = new StructJsonWriter();
  const before = writer.write(encode({ a: 1 }));
  assert.throws(() => writer.write(encode({ b: "x" }).subarray(0, -1)), StructError);
  assert.equal(textOf(writer.write(encode({ c: 2 }))), '{"c":2}');
  assert.equal(textOf(before), '{"a":1}');
});

Deno.test("StructJsonWriter.write() reads map entries whose value comes before the key", () => {
  const value = toBinary(ValueSchema, toValue([1]));
  const entry = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(value)
    .tag(1, WireType.LengthDelimited).string("k").finish();
  const struct = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish();
  assert.equal(write(struct), '{"k":[1]}');
});

Deno.test("StructJsonWriter.write() skips fields that it does not know", () => {
  const struct = new BinaryWriter().tag(9, WireType.Varint).uint64(2n ** 63n)
    .tag(7, WireType.Bit32).fixed32(1).tag(8, WireType.Bit64).fixed64(1n)
    .tag(6, WireType.LengthDelimited).string("?").finish();
  assert.equal(write(Buffer.concat([struct, encode({ a: true })])), '{"a":true}');
});

Deno.test("StructJsonWriter.write() prints 98 levels of nesting and refuses 99", () => {
  const nest = (levels: number): JsonObject => levels === 1 ? {} : { d: nest(levels - 1) };
  assert.equal(write(encode(nest(98))), JSON.stringify(nest(98)));
  assert.throws(() => write(encode(nest(99))), /Nested deeper than 98 levels/);
});

Deno.test("StructJsonWriter.write() refuses every truncation of a Struct and never prints half of it", () => {
  const bytes = encode({ text: "é😀", n: 1.5, list: [true, { a: null }] });
  for (let length = 1; length < bytes.length; length++) {
    let json: string;
    try {
      json = write(bytes.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof StructError);
      continue;
    }
    // Cut between two entries, it is a whole Struct of fewer entries.
    assert.equal(json, reference(bytes.subarray(0, length)));
  }
});

Deno.test("StructJsonWriter.write() throws StructError or prints valid JSON for any bytes", () => {
  const valid = fc.tuple(object, fc.nat(), fc.nat(255)).map(([json, at, byte]) => {
    const bytes = encode(json as JsonObject);
    if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), valid), (bytes) => {
      let json: string;
      try {
        json = write(bytes);
      } catch (error) {
        if (error instanceof StructError) return;
        throw error;
      }
      assert.equal(typeof JSON.parse(json), "object");
    }),
    { numRuns: 5000 },
  );
});

for (
  const [name, bytes] of [
    ["a byte that begins no character", [0xff]],
    ["a lone surrogate", [0xed, 0xa0, 0x80]],
    ["a character in more bytes than it needs", [0xc0, 0xaf]],
    ["a character beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a character cut short", [0xe2, 0x82]],
  ] as const
) {
  Deno.test(`StructJsonWriter.write() refuses a string with ${name}`, () => {
    const value = new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(new Uint8Array(bytes));
    const entry = new BinaryWriter().tag(1, WireType.LengthDelimited).string("k")
      .tag(2, WireType.LengthDelimited).bytes(value.finish()).finish();
    const struct = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(entry).finish();
    assert.throws(() => write(struct), /not UTF-8/);
  });
}
