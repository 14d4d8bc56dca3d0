import { fromBinary, toJson } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { AuditLog } from "../support/audit_log.ts";
import { buildEvents, EVENT_TYPES, expectedJson, FIRST_EVENT_MS } from "../support/events.ts";

Deno.test("buildEvents() gives the same events for the same seed and others for another", () => {
  const options = { count: 200, seed: 7 };
  assert.deepEqual(buildEvents(options), buildEvents(options));
  assert.notDeepEqual(buildEvents(options), buildEvents({ ...options, seed: 8 }));
});

Deno.test("buildEvents() gives unique ids, all types and times in order over the whole span", () => {
  const events = buildEvents({ count: 500, spanMs: 1_000_000, sameTime: 2 });
  assert.equal(new Set(events.map((event) => event.id)).size, 500);
  assert.deepEqual(new Set(events.map((event) => event.type)), new Set(EVENT_TYPES));
  const times = events.map((event) => event.timeMs);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert.deepEqual([times[0], times.at(-1)], [FIRST_EVENT_MS, FIRST_EVENT_MS + 1_000_000]);
});

Deno.test("expectedJson() is what the official decoder makes of the bytes that are sent", () => {
  const log = new AuditLog();
  log.append(buildEvents({ count: 100 }));
  const page = log.readPage({
    startMs: 0,
    endMs: Number.MAX_SAFE_INTEGER,
    eventTypes: [],
    limit: 0,
    startKey: "",
    order: 0,
  });
  assert.equal(page.items.length, 100);
  for (const { event, body } of page.items) {
    const decoded = toJson(StructSchema, fromBinary(StructSchema, body));
    assert.equal(JSON.stringify(decoded), expectedJson(event));
  }
});
