import assert from "node:assert/strict";
import { asksForHelp, parseStartArgs, splitCommand } from "../../src/config/start_args.ts";
import type { SettingName } from "../../src/config/settings.ts";

const ACCEPTED: readonly (readonly [
  args: string,
  values: { readonly [name in SettingName]?: readonly string[] },
])[] = [
  ["", {}],
  ["--batch 5", { batch: ["5"] }],
  ["--batch=5", { batch: ["5"] }],
  ["--types=", { types: [""] }],
  ["--cursor=--odd", { cursor: ["--odd"] }],
  ["--cursor=a=b", { cursor: ["a=b"] }],
  ["--lock-for -5m", { "lock-for": ["-5m"] }],
  ["--debug", { debug: ["true"] }],
  ["--debug=false", { debug: ["false"] }],
  ["--debug --dry-run", { debug: ["true"], "dry-run": ["true"] }],
  ["-d", { debug: ["true"] }],
  ["-d=false", { debug: ["false"] }],
  ["-c file", { config: ["file"] }],
  ["-c=file", { config: ["file"] }],
  ["-cfile", { config: ["file"] }],
  ["-dc file", { config: ["file"], debug: ["true"] }],
  ["--types a --types b", { types: ["a", "b"] }],
];

for (const [args, values] of ACCEPTED) {
  Deno.test(`parseStartArgs() reads "${args}"`, () => {
    const parsed = parseStartArgs(args.split(" ").filter((arg) => arg !== ""));
    assert.deepEqual(Object.fromEntries(parsed.values), values);
    assert.deepEqual(parsed.problems, []);
    assert.equal(parsed.help, false);
  });
}

Deno.test("parseStartArgs() takes every argument after -- as no flag", () => {
  const { problems, values } = parseStartArgs(["--", "--debug", "x"]);
  assert.deepEqual(problems.map((problem) => problem.value ?? problem.setting), ["--debug", "x"]);
  assert.equal(values.size, 0);
});

Deno.test("parseStartArgs() never repeats the value of an unknown flag", () => {
  for (
    const args of [["--passphrase=hunter2"], ["--passphrase", "hunter2"], ["--pass=a\nhunter2"]]
  ) {
    assert.doesNotMatch(JSON.stringify(parseStartArgs(args).problems), /hunter2/);
  }
});

for (const args of ["--help", "-h", "--batch 5 --help", "-dh"]) {
  Deno.test(`asksForHelp() is true for "${args}"`, () => {
    assert.equal(asksForHelp(args.split(" ")), true);
  });
}

Deno.test("asksForHelp() is false for a value that looks like it", () => {
  assert.equal(asksForHelp(["--cursor=--help"]), false);
});

const COMMAND_LINES: readonly (readonly [
  line: string,
  command: string | undefined,
  args: readonly string[],
])[] = [
  ["start --debug", "start", ["--debug"]],
  ["--debug start", "start", ["--debug"]],
  ["--config file start -d", "start", ["--config", "file", "-d"]],
  ["-c file start", "start", ["-c", "file"]],
  ["--config=file start", "start", ["--config=file"]],
  ["--help", undefined, ["--help"]],
  ["-- start", undefined, ["--", "start"]],
  ["", undefined, []],
];

for (const [line, command, args] of COMMAND_LINES) {
  Deno.test(`splitCommand() finds ${command} in "${line}"`, () => {
    assert.deepEqual(splitCommand(line.split(" ").filter((arg) => arg !== "")), { command, args });
  });
}
