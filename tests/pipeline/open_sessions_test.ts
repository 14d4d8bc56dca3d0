import assert from "node:assert/strict";
import { type AuditEvent, inOwnMemory } from "../../src/core/event.ts";
import { decodeSessionPosition } from "../../src/core/session_position.ts";
import { findOpenedSessions } from "../../src/pipeline/open_sessions.ts";

const SID = "8f1c3a52-6f0e-4a3b-9d0e-0123456789ab";
const UPLOAD_MS = Date.UTC(2026, 0, 1);

function upload(fields: unknown, overrides: Partial<AuditEvent> = {}): AuditEvent {
  const json = new TextEncoder().encode(JSON.stringify(fields));
  return {
    type: "session.upload",
    id: "e1",
    timeMs: UPLOAD_MS,
    ...inOwnMemory(json),
    ...overrides,
  };
}

/** What is opened, and the `sid` of each upload that names no session. */
function find(...events: readonly AuditEvent[]) {
  const invalid: [string, unknown][] = [];
  const opened = findOpenedSessions(events, (event, sid) => invalid.push([event.id, sid]));
  return { opened, invalid, ids: opened.map(({ streamId }) => streamId) };
}

Deno.test("findOpenedSessions() opens a stream from the beginning for an upload, and notes its time", () => {
  const { opened, invalid } = find(upload({ sid: SID }));
  assert.equal(opened.length, 1);
  assert.equal(opened[0]!.streamId, `session/${SID}`);
  assert.deepEqual(decodeSessionPosition(opened[0]!.position), {
    index: 0,
    uploadMs: UPLOAD_MS,
    attempts: 0,
    dueMs: 0,
  });
  assert.deepEqual(invalid, []);
});

Deno.test("findOpenedSessions() opens nothing for other events, whatever their sid", () => {
  const types = ["session.end", "session.upload.x", "Session.Upload", "session", ""];
  const { opened, invalid } = find(...types.map((type) => upload({ sid: SID }, { type })));
  assert.deepEqual(opened, []);
  assert.deepEqual(invalid, []);
});

Deno.test("findOpenedSessions() opens a stream for each upload, in their order", () => {
  const { ids } = find(
    upload({ sid: "b" }),
    upload({ sid: SID }, { type: "exec" }),
    upload({ sid: "a" }),
  );
  assert.deepEqual(ids, ["session/b", "session/a"]);
});

Deno.test("findOpenedSessions() passes over an upload whose payload is broken: it is quarantined", () => {
  const defect = { reason: "broken", raw: new Uint8Array([1]) };
  const { opened, invalid } = find(upload({}, { ...inOwnMemory(new Uint8Array(0)), defect }));
  assert.deepEqual([opened, invalid], [[], []]);
});

/** What may stand in the place of a session id. */
const BAD_IDS: readonly unknown[] = [
  "",
  "..",
  "../other",
  "%2e%2e",
  "a/b",
  "a\\b",
  "a?b",
  "a#b",
  "a.log",
  "sid ",
  `${SID}\n`,
  "ü",
  "🗝",
  "a\0",
  "x".repeat(200),
  42,
  null,
  ["a"],
  { toString: "a" },
  true,
];

for (const sid of BAD_IDS) {
  Deno.test(`findOpenedSessions() opens nothing for the sid ${JSON.stringify(sid).slice(0, 40)}, and says so`, () => {
    const { ids, invalid } = find(upload({ sid }), upload({ sid: SID }, { id: "e2" }));
    assert.deepEqual(ids, [`session/${SID}`]);
    assert.deepEqual(invalid, [["e1", sid]]);
  });
}

Deno.test("findOpenedSessions() says so of an upload without a sid", () => {
  assert.deepEqual(find(upload({})).invalid, [["e1", undefined]]);
});
