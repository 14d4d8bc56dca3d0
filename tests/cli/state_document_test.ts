import assert from "node:assert/strict";
import fc from "fast-check";
import { formatStateDocument, parseStateDocument } from "../../src/cli/state_document.ts";
import { encodeBulkPosition } from "../../src/teleport/bulk_position.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { encodeSessionPosition } from "../../src/core/session_position.ts";
import { Fault } from "../../src/core/fault.ts";
import type { Position } from "../../src/core/position.ts";
import { drawSeed } from "../support/seed.ts";

const ORIGIN = { program: "test", teleport: "localhost:3025", nowMs: Date.UTC(2026, 0, 2) };
const SID = "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc";

function document(fields: Record<string, unknown>): string {
  return JSON.stringify({
    format: "teleport-event-handler state",
    version: 1,
    positions: {},
    ...fields,
  });
}

const times = fc.integer({ min: 0, max: 4e9 }).map((s) => s * 1000);
const logs = fc.record({
  startMs: times,
  fromMs: times,
  done: fc.array(fc.record({ id: fc.string(), timeMs: times })),
});
const states = fc.record({
  log: fc.option(logs),
  bulk: fc.option(logs),
  sessions: fc.uniqueArray(fc.uuid()),
  chunks: fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.string()), {
    selector: ([name]) => name,
  }),
});

Deno.test("parseStateDocument() gives back any state that formatStateDocument() wrote", () => {
  fc.assert(
    fc.property(states, ({ bulk, chunks, log, sessions }) => {
      const positions = new Map<string, Position>();
      if (log !== null) positions.set("log", encodeLogPosition(log));
      if (bulk !== null) {
        const value = { date: "2026-01-31", log: bulk, idleAtMs: undefined };
        positions.set("bulk", encodeBulkPosition(value));
      }
      for (const id of sessions) {
        const position = { index: 1, uploadMs: 2, attempts: 3, dueMs: 4 };
        positions.set(`session/${id}`, encodeSessionPosition(position));
      }
      for (const [name, cursor] of chunks) {
        positions.set(`chunk/2026-01-31/${name}`, { version: 1, cursor });
        positions.set(`done/2026-01-31/${name}`, {});
      }
      const text = formatStateDocument(positions, ORIGIN);
      const read = parseStateDocument(text, "it");
      assert.deepEqual(
        new Map(read.map(({ streamId, position }) => [streamId, position])),
        new Map([...positions].map(([id, value]) => [id, JSON.parse(JSON.stringify(value))])),
      );
    }),
    { numRuns: 60, seed: drawSeed() },
  );
});

Deno.test("formatStateDocument() writes a line for each stream, and what it is of", () => {
  const positions = new Map([["log", encodeLogPosition(startOfLog(0))]]);
  assert.equal(
    formatStateDocument(positions, ORIGIN),
    `{
  "format": "teleport-event-handler state",
  "version": 1,
  "exportedAt": "2026-01-02T00:00:00.000Z",
  "program": "test",
  "teleport": "localhost:3025",
  "positions": {
    "log": {"version":1,"startTime":"1970-01-01T00:00:00.000Z","from":"1970-01-01T00:00:00.000Z","done":[]}
  }
}
`,
  );
});

const REFUSED: readonly (readonly [what: string, text: string, words: RegExp])[] = [
  ["nothing", " \n", /Cannot use it: it is empty/],
  ["half a document", '{\n  "format', /it is no JSON: .*line 2/],
  ["other JSON", "[]", /"format" is not "teleport-event-handler state"/],
  ["a document of something else", document({ format: "x" }), /"format" is not/],
  [
    "a newer version",
    document({ version: 2 }),
    /it has version 2, and this program reads version 1\. A newer version of this program wrote it/,
  ],
  ["no version", document({ version: "1" }), /it has version "1"/],
  ["no positions", document({ positions: [] }), /"positions" is no object/],
  [
    "a position that is none",
    document({ positions: { log: 1 } }),
    /positions\["log"\]: expected an object/,
  ],
  [
    "a position of the log that is damaged",
    document({ positions: { log: { version: 1 } } }),
    /positions\["log"\]: Stored position of the audit log cannot be read/,
  ],
  [
    "a stream that nobody knows",
    document({ positions: { "lag": {} } }),
    /positions\["lag"\]: is no stream that this version knows/,
  ],
  [
    "a session that is none",
    document({ positions: { "session/../x": { version: 1, index: 1 } } }),
    /expected the id of a session/,
  ],
  [
    "an index that is none",
    document({ positions: { [`session/${SID}`]: { version: 1, index: -1 } } }),
    /expected "index": the number of an event/,
  ],
  [
    "a session of a newer version",
    document({ positions: { [`session/${SID}`]: { version: 2, index: 1 } } }),
    /expected "version": 1/,
  ],
  [
    "a cursor that is none",
    document({ positions: { "chunk/2026-01-31/x": { version: 1, cursor: 5 } } }),
    /expected "cursor": a text/,
  ],
  [
    "a position that no store takes",
    document({ positions: { "done/2026-01-31/x": { a: "x".repeat(70_000) } } }),
    /holds \d+ bytes, more than a store takes/,
  ],
];

for (const [what, text, words] of REFUSED) {
  Deno.test(`parseStateDocument() refuses ${what}, and says where and what was expected`, () => {
    assert.throws(() => parseStateDocument(text, "it"), (error: Fault) => {
      assert.ok(error instanceof Fault && error.kind === "state");
      assert.match(error.text, words);
      return true;
    });
  });
}

Deno.test("parseStateDocument() tells of everything that is wrong, and not without end", () => {
  const positions = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`x${i}`, {}]));
  assert.throws(
    () => parseStateDocument(document({ positions }), "it"),
    /"x0".*"x9".*; and 5 more/,
  );
});
