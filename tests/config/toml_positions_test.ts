import assert from "node:assert/strict";
import fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { formatTomlPath, scanTomlPositions } from "../../src/config/toml_positions.ts";

const DOCUMENT = `# first
storage = "./s" # "quoted" = [comment]
text = """
fake = 1
""\\" still """
[ teleport . 'refresh' ]
enabled=true
list = [ # one
  "a, ]", 'b',
] # end
[forward.fluentd]
tls = { cert = "c", "odd key" = [1, {x = 2}] }
start = 2021-02-30 10:00:00Z   # no such day
[[many]]
last = '''x''''
after = 1
`;

const POSITIONS: readonly (readonly [path: string, line: number, raw: string])[] = [
  ["storage", 2, '"./s"'],
  ["text", 3, '"""\nfake = 1\n""\\" still """'],
  ["teleport.refresh.enabled", 7, "true"],
  ["teleport.refresh.list", 8, "[ # one\n  \"a, ]\", 'b',\n]"],
  ["forward.fluentd.tls", 12, '{ cert = "c", "odd key" = [1, {x = 2}] }'],
  ["forward.fluentd.tls.cert", 12, '"c"'],
  ['forward.fluentd.tls."odd key"', 12, "[1, {x = 2}]"],
  ["forward.fluentd.start", 13, "2021-02-30 10:00:00Z"],
  ["many.last", 15, "'''x''''"],
  ["many.after", 16, "1"],
];

for (const [path, line, raw] of POSITIONS) {
  Deno.test(`scanTomlPositions() finds ${path} at line ${line}`, () => {
    assert.deepEqual(scanTomlPositions(DOCUMENT).get(path), { line, raw });
  });
}

Deno.test("scanTomlPositions() does not take the text of a value for a key", () => {
  assert.equal(scanTomlPositions(DOCUMENT).has("fake"), false);
});

const key = fc.string({ unit: fc.constantFrom(..."abc-_ .#=\"'["), minLength: 1 });
const leaf = fc.oneof(
  fc.string(),
  fc.integer({ min: -1e9, max: 1e9 }),
  fc.boolean(),
  fc.array(fc.string()),
);
const table = fc.dictionary(key, fc.oneof(leaf, fc.dictionary(key, leaf)));

Deno.test("scanTomlPositions() finds the value of every key of any document", () => {
  fc.assert(fc.property(table, (values) => {
    const positions = scanTomlPositions(stringify(values));
    for (const [name, value] of Object.entries(values)) {
      const inner = typeof value === "object" && !Array.isArray(value) ? value : undefined;
      const leaves: [string, unknown][] = inner === undefined
        ? [[formatTomlPath([name]), value]]
        : Object.entries(inner).map(([last, value]) => [formatTomlPath([name, last]), value]);
      for (const [path, value] of leaves) {
        const raw = positions.get(path)?.raw;
        assert.deepEqual(parse(`x = ${raw}`).x, value, `${path} in ${stringify(values)}`);
      }
    }
  }));
});

Deno.test("scanTomlPositions() ends for any text", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."ab=.[]{}\"'\\#,\n ") }), (text) => {
    assert.ok(scanTomlPositions(text) instanceof Map);
  }));
});
