import assert from "node:assert/strict";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { decodeReadAnswer, decodeWriteAnswer } from "../../src/state/kv_messages.ts";
import { parseKvMetadata } from "../../src/state/kv_server_metadata.ts";

const NOW_MS = Date.UTC(2026, 0, 1);

function parse(changes: object, url = "https://kv.test/db"): ReturnType<typeof parseKvMetadata> {
  const metadata = {
    version: 3,
    databaseId: "id",
    endpoints: [{ url: "/v2", consistency: "strong" }],
    token: "for-a-while",
    expiresAt: "2026-01-01T01:00:00Z",
    ...changes,
  };
  const asked = { name: "State server 'x'", url, token: "ours", nowMs: NOW_MS };
  return parseKvMetadata(JSON.stringify(metadata), asked);
}

function strong(url: string) {
  return { endpoints: [{ url: "/old", consistency: "eventual" }, { url, consistency: "strong" }] };
}

for (
  const [what, url, place, endpoint] of [
    ["a path", "https://kv.test/db", "/v2/", "https://kv.test/v2"],
    ["a path beside it", "https://kv.test/db/connect", "v2", "https://kv.test/db/v2"],
    ["another host over https", "https://kv.test", "https://a.test/v2", "https://a.test/v2"],
    ["itself in clear", "http://127.0.0.1:4512", "/v2", "http://127.0.0.1:4512/v2"],
    ["https from a place in clear", "http://127.0.0.1:1", "https://a.test/", "https://a.test"],
  ] as const
) {
  Deno.test(`parseKvMetadata() takes a place for reads and writes that is ${what}`, () => {
    assert.equal(parse(strong(place), url).endpoint, endpoint);
  });
}

for (
  const [what, url, place] of [
    ["in clear where storage is not", "https://kv.test", "http://kv.test/v2"],
    ["in clear on another host", "http://127.0.0.1:1", "http://127.0.0.2:1/v2"],
    ["in clear on another port", "http://127.0.0.1:1", "http://127.0.0.1:2/v2"],
    ["with a user and password", "https://kv.test", "https://me:hunter2@kv.test/v2"],
  ] as const
) {
  Deno.test(`parseKvMetadata() refuses a place for reads and writes that is ${what}`, () => {
    assert.throws(
      () => parse(strong(place), url),
      (error) => error instanceof Fault && error.lasting && !error.text.includes("hunter2"),
    );
  });
}

for (
  const [expiresAt, lifetimeMs] of [
    ["2026-01-01T00:10:00Z", 480_000],
    ["2027-01-01T00:00:00Z", 3_600_000],
    ["2020-01-01T00:00:00Z", 10_000],
  ] as const
) {
  Deno.test(`parseKvMetadata() holds what ends at ${expiresAt} for ${lifetimeMs / 1000} s, whatever its clock says`, () => {
    assert.equal(parse({ expiresAt }).lifetimeMs, lifetimeMs);
  });
}

Deno.test("parseKvMetadata() takes any JSON, or throws a Fault", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const changes = fc.record({
    version: fc.oneof(fc.constant(3), value),
    endpoints: fc.oneof(fc.constant([{ url: "/", consistency: "strong" }]), value),
    token: fc.oneof(fc.constant("x"), value),
    expiresAt: fc.oneof(fc.constant("2026-01-01T01:00:00Z"), value),
  }, { requiredKeys: [] });
  fc.assert(fc.property(changes, (changes) => {
    try {
      parse(changes);
    } catch (error) {
      assert.ok(error instanceof Fault && error.kind === "state", `${error}`);
    }
  }));
});

Deno.test("decodeReadAnswer() and decodeWriteAnswer() come to an end with any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodeReadAnswer, decodeWriteAnswer]) {
        try {
          decode(bytes);
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
