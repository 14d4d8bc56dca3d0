import assert from "node:assert/strict";
import fc from "fast-check";
import { goFolderFor, type GoState } from "../../../src/state/go_layout/go_state.ts";
import { readGoState } from "../../../src/state/go_layout/read_go_state.ts";
import { writeGoState } from "../../../src/state/go_layout/write_go_state.ts";
import { drawSeed } from "../../support/seed.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary_folder.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const SID = "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc";
const EIGHT = [0, 0, 0, 0, 0, 0, 0];

/** Files of a storage folder by their names; bytes or texts. */
type Files = Readonly<Record<string, string | readonly number[]>>;

async function write(folder: TemporaryFolder, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = folder.join(name);
    await Deno.mkdir(path.replace(/\/[^/]*$/, ""), { recursive: true });
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : new Uint8Array(content);
    await Deno.writeFile(path, bytes);
  }
}

async function read(files: Files) {
  await using folder = await temporaryFolder();
  await write(folder, files);
  return await readGoState(folder.path, NOW_MS);
}

Deno.test("readGoState() reads what the Go handler 15.3.1 writes", async () => {
  const found = await read({
    start_time: "2026-01-31T10:00:00Z",
    cursor: '{"date":"2026-02-01"}',
    id: "a9a4ff0c-4a2b-4f55-8b94-84e3bb5b2f1e",
    [`session${SID}`]: [...EIGHT, 5],
  });
  assert.deepEqual(found?.damages, []);
  assert.deepEqual(found.state, {
    startMs: Date.UTC(2026, 0, 31, 10),
    windowMs: undefined,
    cursor: '{"date":"2026-02-01"}',
    id: "a9a4ff0c-4a2b-4f55-8b94-84e3bb5b2f1e",
    sessions: new Map([[SID, { index: 5, uploadMs: 0, attempts: 0 }]]),
    dates: new Map(),
  });
});

Deno.test("readGoState() reads what later versions add: windows, recordings that are missing, chunks", async () => {
  const found = await read({
    start_time: "2026-01-31T10:00:00+02:00",
    window_time: "2026-05-30T10:00:00Z",
    id: "",
    cursor: "",
    [`missing_recording${SID}`]:
      '{"Index":7,"Attempt":2,"Timestamp":"2026-05-30T10:00:00.123456789Z"}',
    "cursor_v2/2026-05-30/completed-chunks": "a\nb\n",
    "cursor_v2/2026-05-30/c.chunk": "17\n",
    "cursor_v2/2026-05-30/b.chunk": "16",
    "cursor_v2/2026-05-31/completed-chunks": "",
    "profiles/x": "not ours",
    "dry_run/abc/id": "not ours",
  });
  assert.deepEqual(found?.damages, []);
  const { dates, sessions, startMs, windowMs } = found.state;
  assert.deepEqual([startMs, windowMs], [Date.UTC(2026, 0, 31, 8), Date.UTC(2026, 4, 30, 10)]);
  const uploadMs = Date.UTC(2026, 4, 30, 10, 0, 0, 123);
  assert.deepEqual(sessions, new Map([[SID, { index: 7, uploadMs, attempts: 2 }]]));
  assert.deepEqual(
    dates,
    new Map([
      ["2026-05-30", { completed: ["a", "b"], cursors: new Map([["c", "17"]]) }],
      ["2026-05-31", { completed: [], cursors: new Map() }],
    ]),
  );
});

Deno.test("readGoState() takes the earlier of two notes on one recording", async () => {
  const found = await read({
    [`session${SID}`]: [...EIGHT, 3],
    [`missing_recording${SID}`]: '{"Index":9,"Attempt":1,"Timestamp":"2026-05-30T10:00:00Z"}',
  });
  assert.equal(found?.state.sessions.get(SID)?.index, 3);
  assert.equal(found.state.sessions.get(SID)?.attempts, 1);
});

for (
  const [what, files] of [
    ["an empty folder", {}],
    ["a folder of ours", { "state.kv": "x", lock: "1", "quarantine/events.jsonl": "" }],
    ["a folder with an empty cursor_v2", { "cursor_v2/.keep": "" }],
  ] as const
) {
  Deno.test(`readGoState() finds nothing of the Go handler in ${what}`, async () => {
    const found = await read(files);
    assert.equal(found === undefined || found.state.dates.size === 0, true);
  });
}

Deno.test("readGoState() finds nothing where there is no folder", async () => {
  assert.equal(await readGoState("/tmp/no such folder at all", NOW_MS), undefined);
});

/** A damaged file, the words it is told of with, and what counts in place of it. */
const DAMAGES: readonly (readonly [
  what: string,
  files: Files,
  words: RegExp,
  state: Partial<GoState>,
])[] = [
  [
    "a session file that was cut",
    { [`session${SID}`]: [0, 0, 0] },
    /^session.* holds 3 bytes in place of 8: the recording is sent from its beginning$/,
    { sessions: new Map([[SID, { index: 0, uploadMs: 0, attempts: 0 }]]) },
  ],
  [
    "an empty session file",
    { [`session${SID}`]: [] },
    /holds 0 bytes in place of 8/,
    { sessions: new Map([[SID, { index: 0, uploadMs: 0, attempts: 0 }]]) },
  ],
  [
    "a session file with more in it",
    { [`session${SID}`]: [...EIGHT, 5, 0] },
    /holds 9 bytes in place of 8/,
    { sessions: new Map([[SID, { index: 0, uploadMs: 0, attempts: 0 }]]) },
  ],
  [
    "an index that no recording has",
    { [`session${SID}`]: [255, 255, 255, 255, 255, 255, 255, 255] },
    /holds 18446744073709551615, which is no index/,
    { sessions: new Map([[SID, { index: 0, uploadMs: 0, attempts: 0 }]]) },
  ],
  [
    "a session file that was never renamed",
    { [`session${SID}.5577006791947779410`]: [...EIGHT, 5] },
    /was not written to its end: it is left out/,
    { sessions: new Map() },
  ],
  [
    "a session that is none",
    { "session..x": [...EIGHT, 5] },
    /is not named after a session/,
    { sessions: new Map() },
  ],
  [
    "a missing recording of half a JSON",
    { [`missing_recording${SID}`]: '{"Index":5,"Att' },
    /holds no whole JSON, but "\{\\"Index\\":5,\\"Att": the recording is sent from/,
    { sessions: new Map([[SID, { index: 0, uploadMs: 0, attempts: 0 }]]) },
  ],
  [
    "a missing recording of other JSON",
    { [`missing_recording${SID}`]: "[1]" },
    /holds no JSON object/,
    { sessions: new Map([[SID, { index: 0, uploadMs: 0, attempts: 0 }]]) },
  ],
  [
    "a start_time that was cut",
    { start_time: "2026-01-3" },
    /^start_time holds no time, but "2026-01-3": the start is taken from start-time/,
    { startMs: undefined },
  ],
  [
    "a window_time to come",
    { window_time: "2926-01-31T10:00:00Z" },
    /^window_time holds a time to come/,
    { windowMs: undefined },
  ],
  [
    "a cursor of zeros",
    { cursor: [0, 0, 0, 0] },
    /^cursor holds no cursor, .*: it is done without$/,
    { cursor: "" },
  ],
  ["an id of half a line", { id: "a b" }, /^id holds no id of an event, but "a b": the log/, {
    id: "",
  }],
  [
    "an id that is no text",
    { id: [255, 254] },
    /^id holds no id of an event/,
    { id: "" },
  ],
  [
    "completed-chunks that end within a name",
    { "cursor_v2/2026-05-30/completed-chunks": "one\ntw" },
    /completed-chunks ends within a name, "tw": that chunk is sent again/,
    { dates: new Map([["2026-05-30", { completed: ["one"], cursors: new Map() }]]) },
  ],
  [
    "a name of a chunk that is too long",
    { "cursor_v2/2026-05-30/completed-chunks": `one\n${"x".repeat(600)}\n` },
    /names "x+", which is no chunk/,
    { dates: new Map([["2026-05-30", { completed: ["one"], cursors: new Map() }]]) },
  ],
  [
    "a cursor of a chunk that is no text",
    { "cursor_v2/2026-05-30/one.chunk": [255, 0] },
    /one\.chunk holds no cursor, .*: the chunk is sent from its beginning/,
    { dates: new Map([["2026-05-30", { completed: [], cursors: new Map() }]]) },
  ],
  [
    "a folder of no date",
    { "cursor_v2/2026-02-30/one.chunk": "1" },
    /^cursor_v2\/2026-02-30 is no folder of a date/,
    { dates: new Map() },
  ],
];

for (const [what, files, words, expected] of DAMAGES) {
  Deno.test(`readGoState() tells of ${what}, and takes what is safe`, async () => {
    const found = await read({ start_time: "2026-01-31T10:00:00Z", ...files });
    const told = found?.damages.map((d) => `${d.file} ${d.problem}: ${d.instead}`) ?? [];
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0]!, words);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(found?.state[name as keyof GoState], value, name);
    }
  });
}

Deno.test("readGoState() tells of what is no file, and does not wait at a pipe", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.join("id"));
  await new Deno.Command("mkfifo", { args: [folder.join("cursor")] }).output();
  const found = await readGoState(folder.path, NOW_MS);
  assert.deepEqual(found?.damages.map(({ file, problem }) => `${file} ${problem}`), [
    "cursor is not a file",
    "id is not a file",
  ]);
});

Deno.test("readGoState() reads an id that a person has written with a line end", async () => {
  assert.equal((await read({ id: "a9a4ff0c\n" }))?.state.id, "a9a4ff0c");
});

Deno.test("readGoState() takes a window that was never set for none", async () => {
  const found = await read({ window_time: "0001-01-01T00:00:00Z" });
  assert.deepEqual([found?.damages, found?.state.windowMs], [[], undefined]);
});

Deno.test("readGoState() shows by its digest whether anything was written since", async () => {
  await using folder = await temporaryFolder();
  await write(folder, { start_time: "2026-01-31T10:00:00Z", id: "a" });
  const digest = async () => (await readGoState(folder.path, NOW_MS))?.digest;
  const before = await digest();
  await write(folder, { "state.kv": "ours", lock: "1" });
  assert.equal(await digest(), before);
  await write(folder, { id: "b" });
  assert.notEqual(await digest(), before);
});

Deno.test("goFolderFor() takes the host as the Go handler does", () => {
  const address = { host: "2001:db8::1", port: 3025 };
  assert.equal(goFolderFor("/var/lib/handler/", address), "/var/lib/handler/2001:db8::1_3025");
});

const ids = fc.uuid();
const dateTexts = fc.integer({ min: 0, max: 400 })
  .map((days) => new Date(Date.UTC(2025, 0, 1 + days)).toISOString().slice(0, 10));
const chunkNames = fc.stringMatching(/^[A-Za-z0-9._=-]{1,30}$/)
  .filter((name) => name !== "." && name !== "..");
const seconds = fc.integer({ min: 0, max: NOW_MS / 1000 }).map((s) => s * 1000);
const states: fc.Arbitrary<GoState> = fc.record({
  startMs: seconds,
  windowMs: fc.option(seconds, { nil: undefined }),
  cursor: fc.string({ maxLength: 60 }).filter((text) => !text.includes("\0")),
  id: fc.oneof(fc.constant(""), ids),
  sessions: fc.dictionary(ids, fc.nat({ max: 2 ** 31 - 1 }), { maxKeys: 4 }).map((indexes) =>
    new Map(
      Object.entries(indexes).map(([id, index]) => [id, { index, uploadMs: 0, attempts: 0 }]),
    )
  ),
  dates: fc.uniqueArray(
    fc.tuple(
      dateTexts,
      fc.uniqueArray(fc.tuple(chunkNames, fc.boolean(), fc.uuid()), { selector: ([name]) => name }),
    ),
    { maxLength: 4, selector: ([date]) => date },
  ).map((dates) =>
    new Map(
      dates.toSorted().map(([date, chunks]) => [date, {
        completed: chunks.filter(([, done]) => done).map(([name]) => name),
        cursors: new Map(
          chunks.filter(([, done]) => !done).map(([name, , cursor]) => [name, cursor] as const)
            .toSorted(),
        ),
      }]),
    )
  ),
});

Deno.test("writeGoState() writes what readGoState() reads, over any state that was there", async () => {
  await fc.assert(
    fc.asyncProperty(states, states, async (before, state) => {
      await using folder = await temporaryFolder();
      for (const each of [before, state]) {
        await writeGoState(folder.path, each);
        const found = await readGoState(folder.path, NOW_MS);
        assert.deepEqual(found?.damages, []);
        const { dates, sessions, ...rest } = found.state;
        const { dates: _, sessions: __, ...expected } = each;
        // A time before the year 2 stands for none; 1970 is one.
        assert.deepEqual(rest, expected);
        assert.deepEqual(Object.fromEntries(sessions), Object.fromEntries(each.sessions));
        assert.deepEqual(
          [...dates].map((
            [date, { completed, cursors }],
          ) => [date, completed, [...cursors].sort()]),
          [...each.dates].map((
            [date, { completed, cursors }],
          ) => [date, completed, [...cursors].sort()]),
        );
      }
    }),
    { numRuns: 25, seed: drawSeed() },
  );
});

Deno.test("writeGoState() keeps a missing recording as one, and leaves no file of a recording that is done", async () => {
  await using folder = await temporaryFolder();
  const other = "11111111-faa5-4d77-ab6e-362bca0994fc";
  await write(folder, {
    [`missing_recording${SID}`]: '{"Index":1,"Attempt":1,"Timestamp":"2026-05-30T10:00:00Z"}',
    [`session${other}`]: [...EIGHT, 1],
    "state.kv": "ours",
  });
  const uploadMs = Date.UTC(2026, 4, 30, 10);
  await writeGoState(folder.path, {
    startMs: 0,
    windowMs: undefined,
    cursor: "",
    id: "",
    dates: new Map(),
    sessions: new Map([[SID, { index: 4, uploadMs, attempts: 3 }]]),
  });
  const names = (await Array.fromAsync(Deno.readDir(folder.path))).map(({ name }) => name).sort();
  assert.deepEqual(names, [
    "cursor",
    "id",
    `missing_recording${SID}`,
    "start_time",
    "state.kv",
    "window_time",
  ]);
  assert.equal(
    await Deno.readTextFile(folder.join(`missing_recording${SID}`)),
    '{"Index":4,"Attempt":3,"Timestamp":"2026-05-30T10:00:00Z"}',
  );
});

Deno.test("writeGoState() says what cannot be written", async () => {
  await using folder = await temporaryFolder();
  await write(folder, { file: "" });
  await assert.rejects(
    writeGoState(folder.join("file"), {
      startMs: 0,
      windowMs: 0,
      cursor: "",
      id: "",
      sessions: new Map(),
      dates: new Map(),
    }),
    /Cannot write the Go handler's state to '.*file': /,
  );
});
