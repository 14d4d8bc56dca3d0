import assert from "node:assert/strict";
import fc from "fast-check";
import { type AuditEvent, jsonOf } from "../../src/core/event.ts";
import { RequestBody } from "../../src/fluentd/request.ts";
import { StructJsonWriter } from "../../src/teleport/struct_json.ts";
import { makeEvent, makeEvents } from "../support/pipeline_ports.ts";
import { encodeTextStruct } from "../support/text_struct.ts";

const PIECE_BYTES = 256 * 1024;

function build(events: readonly AuditEvent[]): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(new RequestBody().build(events));
}

function withPayload(json: string): AuditEvent {
  return makeEvent("id", { json });
}

Deno.test("RequestBody.build() makes an empty array of no events, which is a probe", () => {
  assert.equal(build([]), "[]");
});

Deno.test("RequestBody.build() sends a lone event as the bare object that it is", () => {
  assert.equal(build([withPayload('{"a":"ü"}')]), '{"a":"ü"}');
});

Deno.test("RequestBody.build() sends several events as one array on one line, payloads untouched", () => {
  const payloads = ['{"a":1e2}', '{ "b" : "\\n" }', "{}"];
  assert.equal(build(payloads.map(withPayload)), '[{"a":1e2},{ "b" : "\\n" },{}]');
});

Deno.test("RequestBody.build() takes many events of any size", () => {
  fc.assert(fc.property(
    fc.array(fc.dictionary(fc.string(), fc.string({ unit: "grapheme" })), { maxLength: 60 }),
    (values) => {
      const body = JSON.parse(build(values.map((value) => withPayload(JSON.stringify(value)))));
      // An object of fast-check may lack a prototype; JSON gives each one.
      assert.deepEqual(body, JSON.parse(JSON.stringify(values.length === 1 ? values[0] : values)));
    },
  ));
});

Deno.test("RequestBody.build() puts a comma between events that share memory, whichever of them are sent", () => {
  const text = fc.integer({ min: 0, max: 100_000 }).map((length) => "x".repeat(length));
  const sent = fc.array(fc.tuple(fc.oneof(fc.string(), text), fc.boolean()), { maxLength: 12 });
  fc.assert(fc.property(sent, (sent) => {
    const writer = new StructJsonWriter();
    const events = sent.map(([text]) => ({
      ...makeEvent("id"),
      ...writer.write(encodeTextStruct(text)),
    }));
    const wanted = sent.flatMap(([, isWanted], index) => isWanted ? [index] : []);
    const values = wanted.map((index) => ({ text: sent[index]![0] }));
    const body = JSON.parse(build(wanted.map((index) => events[index]!)));
    assert.deepEqual(body, values.length === 1 ? values[0] : values);
  }));
});

// In memory of 256 KiB, what stands around the text takes eleven bytes, and a comma follows.
for (
  const [what, length] of [
    ["whose comma takes the last byte of a piece of memory", PIECE_BYTES - 12],
    ["that ends with a piece of memory", PIECE_BYTES - 11],
    ["that a piece of memory has no room for", PIECE_BYTES - 10],
  ] as const
) {
  Deno.test(`RequestBody.build() joins what comes before and after an event ${what}`, () => {
    const before = "before";
    const text = "x".repeat(length - JSON.stringify({ text: before }).length - 1);
    const texts = [before, text, "behind", "the end"];
    const writer = new StructJsonWriter();
    const events = texts.map((text) => ({
      ...makeEvent("id"),
      ...writer.write(encodeTextStruct(text)),
    }));
    const [, { to }, next] = events as [AuditEvent, AuditEvent, AuditEvent];
    // The sizes are those of the title.
    if (length === PIECE_BYTES - 12) assert.equal(to, PIECE_BYTES - 1);
    if (length === PIECE_BYTES - 11) assert.equal(to, PIECE_BYTES);
    if (length === PIECE_BYTES - 10) assert.ok(next.from > 0 && to < PIECE_BYTES);
    else assert.equal(next.from, 0);
    assert.deepEqual(JSON.parse(build(events)), texts.map((text) => ({ text })));
  });
}

Deno.test("RequestBody.build() joins what comes before and after a payload that could not be written", () => {
  const writer = new StructJsonWriter();
  const good = ["first", "second"].map((text) => {
    assert.throws(() => writer.write(encodeTextStruct("broken").subarray(0, -1)));
    return { ...makeEvent("id"), ...writer.write(encodeTextStruct(text)) };
  });
  assert.deepEqual(JSON.parse(build(good)), [{ text: "first" }, { text: "second" }]);
});

Deno.test("RequestBody.build() leaves nothing of a longer body in the next one", () => {
  const body = new RequestBody();
  const decoder = new TextDecoder();
  for (const count of [500, 3, 1, 0, 2, 700]) {
    const events = makeEvents(count).map((e, i) =>
      i % 2 === 0 ? e : makeEvent(e.id, { bytes: 999 })
    );
    const text = decoder.decode(body.build(events));
    assert.equal(
      text,
      count === 1
        ? decoder.decode(jsonOf(events[0]!))
        : `[${events.map((e) => decoder.decode(jsonOf(e))).join(",")}]`,
    );
  }
});

Deno.test("RequestBody.build() takes a body of many megabytes", () => {
  const events = [makeEvent("a", { bytes: 9_000_000 }), makeEvent("b", { bytes: 9_000_000 })];
  assert.equal(JSON.parse(build(events)).length, 2);
});
