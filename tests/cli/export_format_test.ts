import assert from "node:assert/strict";
import fc from "fast-check";
import { CSV_FIELDS, EXPORT_FORMATS } from "../../src/cli/export_format.ts";
import { parseExportArgs } from "../../src/cli/export_args.ts";
import { Fault } from "../../src/core/fault.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { drawSeed } from "../support/seed.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const FROM = ["--from", "2026-01-31T00:00:00Z"];

function row(fields: readonly string[], payload: unknown): string {
  const event = makeEvent("e", { json: JSON.stringify(payload) });
  const bytes = EXPORT_FORMATS.csv(fields).write([event]);
  return new TextDecoder().decode(bytes);
}

/** Reads CSV as RFC 4180 has it. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let cells: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\n)/g)) {
    cells.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    if (end === "\n") {
      rows.push(cells);
      cells = [];
    }
  }
  return rows;
}

Deno.test("csv holds any text so that it is read back as it was", () => {
  const texts = fc.array(
    fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r", "ü", " ") }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(texts, (values) => {
      const names = values.map((_, i) => `f${i}`);
      const payload = Object.fromEntries(values.map((value, i) => [`f${i}`, `x${value}`]));
      assert.deepEqual(parseCsv(row(names, payload)), [values.map((value) => `x${value}`)]);
    }),
    { numRuns: 100, seed: drawSeed() },
  );
});

for (
  const [what, fields, payload, expected] of [
    ["a name with a point", ["addr.remote"], { "addr.remote": "a", addr: { remote: "b" } }, "a\n"],
    ["a path", ["a.b.c"], { "a.b": { c: 1 } }, "1\n"],
    ["what is not there", ["x", "y.z"], { y: 1 }, ",\n"],
    ["true, numbers and null", ["a", "b", "c"], { a: true, b: -1.5, c: null }, "true,-1.5,\n"],
    ["lists and objects as JSON", ["a"], { a: [1, { b: "c" }] }, '"[1,{""b"":""c""}]"\n'],
    ["a name that objects inherit", ["constructor"], {}, "\n"],
    ["what a spreadsheet would run", ["a", "b"], { a: "=1+1", b: "@x" }, "'=1+1,'@x\n"],
    ["a negative number", ["a"], { a: -1 }, "-1\n"],
  ] as const
) {
  Deno.test(`csv writes ${what}`, () => assert.equal(row(fields, payload), expected));
}

Deno.test("csv has the names of its columns in its first line", () => {
  assert.equal(EXPORT_FORMATS.csv().head, `${CSV_FIELDS.join(",")}\n`);
  assert.equal(EXPORT_FORMATS.csv(["a,b"]).head, '"a,b"\n');
});

Deno.test("jsonl writes payloads as they are, each on a line", () => {
  const events = ['{"n":12345678901234567890}', "{}"].map((json) => makeEvent("e", { json }));
  const text = new TextDecoder().decode(EXPORT_FORMATS.jsonl().write(events));
  assert.equal(text, '{"n":12345678901234567890}\n{}\n');
});

Deno.test("parseExportArgs() takes its own flags, in both spellings, and leaves the others", () => {
  const args = [
    ...FROM,
    "--to=2026-02-01T00:00:00+01:00",
    "--types",
    "a,b",
    "--format",
    "csv",
    "--fields=time, user",
    "--output",
    "x.csv",
  ];
  assert.deepEqual(parseExportArgs(args, NOW_MS), {
    fromMs: Date.UTC(2026, 0, 31),
    toMs: Date.UTC(2026, 0, 31, 23),
    format: "csv",
    fields: ["time", "user"],
    output: "x.csv",
    settings: ["--types", "a,b"],
  });
  assert.equal(parseExportArgs(FROM, NOW_MS)?.toMs, NOW_MS);
  assert.equal(parseExportArgs(["--help"], NOW_MS), undefined);
});

for (
  const [args, words] of [
    [[], /--from is missing\. Write a time like/],
    [["--from"], /--from needs a value/],
    [["--from", "--to"], /--from needs a value/],
    [["--from", "yesterday"], /--from: "yesterday" is not an RFC 3339 time\. Write a time like/],
    [["--from", "2926-01-01T00:00:00Z"], /--from 2926-01-01T00:00:00Z is in the future/],
    [[...FROM, "--to", "2026-01-31T00:00:00Z"], /is not before --to 2026-01-31T00:00:00Z/],
    [[...FROM, ...FROM], /--from is given twice/],
    [[...FROM, "--format", "xml"], /--format "xml" is not known\. Give jsonl or csv/],
    [[...FROM, "--fields", "a"], /--fields names columns of CSV\. Give --format csv/],
    [[...FROM, "--format=csv", "--fields", "a,,b"], /holds an empty name/],
    [[...FROM, "--format=csv", "--fields", "a,a"], /names "a" twice/],
  ] as const
) {
  Deno.test(`parseExportArgs() refuses ${JSON.stringify(args.slice(-2))}`, () => {
    assert.throws(() => parseExportArgs(args, NOW_MS), (error: Fault) => {
      assert.equal(error.kind, "usage");
      assert.match(error.text, words);
      return true;
    });
  });
}
