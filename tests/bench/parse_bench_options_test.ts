import assert from "node:assert/strict";
import { parseBenchOptions } from "./parse_bench_options.ts";

Deno.test("scripts/bench says what is wrong with its command line, and measures nothing", () => {
  const cases: readonly (readonly [line: string, said: RegExp])[] = [
    ["--only pages", /^--only pages is none of paged, bulk, .*replicas$/],
    ["--events many", /^--events many is not a whole number from 1 on$/],
    ["--events 0", /^--events 0 is not/],
    ["--events 1.5", /^--events 1\.5 is not/],
    ["--bogus", /^Unknown option '--bogus'$/],
    ["paged", /^Unexpected argument 'paged'/],
    ["--json", /^Option '--json.*argument missing/],
  ];
  for (const [line, message] of cases) {
    assert.throws(() => parseBenchOptions(line.split(" ")), { name: "RangeError", message });
  }
});

Deno.test("scripts/bench measures everything where nothing is named", () => {
  const events = undefined;
  assert.deepEqual(parseBenchOptions([]), {
    help: false,
    events,
    only: undefined,
    json: undefined,
  });
  const named = parseBenchOptions(["--only", "soak", "--events", "1000", "--json", "file"]);
  assert.deepEqual(named, { help: false, events: 1000, only: "soak", json: "file" });
});
