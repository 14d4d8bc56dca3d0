import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import {
  countUnloaded,
  type Coverage,
  formatVerdict,
  parseLcov,
  type Share,
} from "../../scripts/coverage.ts";

const REPORT = `SF:/project/src/core/event.ts
FN:1,parse
FNDA:1,parse
BRDA:2,1,0,3
BRDA:2,1,1,0
BRDA:5,2,0,-
BRF:3
BRH:1
DA:1,4
DA:2,0
LH:1
LF:2
end_of_record
SF:/project/src/core/fault.ts
DA:1,1
end_of_record
`;

function share(total: number, covered: number): Share {
  return { total, covered };
}

function file(lines: Share, branches: Share): Coverage {
  return { lines, branches };
}

Deno.test("parseLcov() counts the lines and branches of each file", () => {
  deepStrictEqual(
    [...parseLcov(REPORT)],
    [
      ["/project/src/core/event.ts", file(share(2, 1), share(3, 1))],
      ["/project/src/core/fault.ts", file(share(1, 1), share(0, 0))],
    ],
  );
});

Deno.test("countUnloaded() counts all lines of a file with code as not covered", () => {
  deepStrictEqual(countUnloaded("export function f() {\n}\n\n").lines, share(2, 0));
});

Deno.test("countUnloaded() counts nothing for a file of types", () => {
  deepStrictEqual(countUnloaded("export interface A {\n  b: 1;\n}\n").lines, share(0, 0));
});

Deno.test("formatVerdict() passes at the bar, in one line", () => {
  const verdict = formatVerdict(new Map([["src/a.ts", file(share(10, 9), share(10, 8))]]));
  deepStrictEqual(verdict, {
    passed: true,
    text: "Coverage of src: 90.0 % of lines (at least 90), 80.0 % of branches (at least 80)",
  });
});

Deno.test("formatVerdict() fails under the bar for lines, and names the worst files first", () => {
  const verdict = formatVerdict(
    new Map([
      ["src/whole.ts", file(share(5, 5), share(0, 0))],
      ["src/bad.ts", file(share(10, 7), share(0, 0))],
      ["src/worse.ts", file(share(10, 2), share(1, 0))],
    ]),
  );
  strictEqual(verdict.passed, false);
  match(
    verdict.text,
    /^ {2}src\/worse.ts: 8 lines and 1 branches not run\n {2}src\/bad.ts: 3 lines .*\nCoverage /,
  );
});

Deno.test("formatVerdict() fails under the bar for branches", () => {
  strictEqual(
    formatVerdict(new Map([["src/a.ts", file(share(1, 1), share(10, 7))]])).passed,
    false,
  );
});
