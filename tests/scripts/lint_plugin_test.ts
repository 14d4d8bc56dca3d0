import { strictEqual } from "node:assert/strict";
import plugin from "../../scripts/lint/plugin.ts";

/** A piece of source, and whether its rule reports it. */
interface Sample {
  /** Words that follow the name of the rule in the title. */
  readonly title: string;
  readonly rule: string;
  /** Path from the project's root; the file need not exist. */
  readonly file?: string;
  readonly source: string;
  /** Part of the message; the sample is allowed where it is left out. */
  readonly message?: string;
}

const SAMPLES: readonly Sample[] = [
  {
    rule: "shared-process",
    title: "reports a test that sets a variable of the environment",
    file: "tests/core/event_test.ts",
    source: `Deno.env.set("HOME", "/");`,
    message: "Deno.env.set in a test, beside which others run: give the process",
  },
  {
    rule: "shared-process",
    title: "reports a test that changes the folder",
    file: "tests/core/event_test.ts",
    source: `Deno.chdir("/");`,
    message: "Deno.chdir in a test",
  },
  {
    rule: "shared-process",
    title: "allows a test to read the environment, and a program of its own to change it",
    file: "tests/core/event_test.ts",
    source: `Deno.env.get("HOME"); new Deno.Command("env", { cwd: "/", env: { HOME: "/" } });`,
  },
  {
    rule: "layers",
    title: "reports an import of an adapter by another adapter",
    file: "src/teleport/log_stream.ts",
    source: `import type { KvStore } from "../state/kv_store.ts";`,
    message: "src/teleport (rank 2) may not import from src/state (rank 2)",
  },
  {
    rule: "layers",
    title: "reports an import of a higher layer",
    file: "src/pipeline/forwarder.ts",
    source: `export { openSink } from "../fluentd/fluentd_sink.ts";`,
    message: "imports point down only",
  },
  {
    rule: "layers",
    title: "reports an import of main.ts",
    file: "src/cli/start_command.ts",
    source: `await import("../../main.ts");`,
    message: "src/cli (rank 3) may not import from main.ts (rank 4)",
  },
  {
    rule: "layers",
    title: "reports a type imported in place from a higher layer",
    file: "src/core/event.ts",
    source: `export type Page = import("../pipeline/ports.ts").Page;`,
    message: "src/core (rank 0) may not import from src/pipeline (rank 1)",
  },
  {
    rule: "layers",
    title: "reports an import of a test by the program",
    file: "src/cli/start_command.ts",
    source: `import { fakeClock } from "../../tests/support/fake_clock.ts";`,
    message: "does not import from tests/",
  },
  {
    rule: "layers",
    title: "reports an import of a script by main.ts",
    file: "main.ts",
    source: `import "./scripts/docs.ts";`,
    message: "does not import from scripts/",
  },
  {
    rule: "layers",
    title: "reports a package in src/core",
    file: "src/core/event.ts",
    source: `import { parse } from "smol-toml";`,
    message: "'smol-toml' is one",
  },
  {
    rule: "layers",
    title: "reports a module of Node in src/core",
    file: "src/core/event.ts",
    source: `import { Buffer } from "node:buffer";`,
    message: "'node:buffer' is one",
  },
  {
    rule: "layers",
    title: "reports the use of Deno in src/core",
    file: "src/core/event.ts",
    source: `export const pid = Deno.pid;`,
    message: "src/core does not know Deno",
  },
  {
    rule: "layers",
    title: "reports a file in a folder without a rank",
    file: "src/extras/thing.ts",
    source: `export {};`,
    message: "src/extras/thing.ts is in no layer",
  },
  {
    rule: "layers",
    title: "reports a file directly in src/",
    file: "src/thing.ts",
    source: `export {};`,
    message: "src/thing.ts is in no layer",
  },
  {
    rule: "layers",
    title: "allows imports of lower layers, the own folder, packages and the runtime",
    file: "src/teleport/log_stream.ts",
    source: `
      import { create } from "@bufbuild/protobuf";
      import { connect } from "node:tls";
      import { Fault } from "../core/fault.ts";
      import type { EventStream } from "../pipeline/ports.ts";
      import { readPem } from "../tls/pem.ts";
      import { LogService } from "./gen/log_pb.ts";
      export const pid = Deno.pid;`,
  },
  {
    rule: "layers",
    title: "allows tests and scripts to import anything",
    file: "tests/scripts/lint_plugin_test.ts",
    source: `import "../../main.ts"; import "../../src/state/kv_store.ts";`,
  },
  {
    rule: "layers",
    title: "leaves generated code alone",
    file: "src/teleport/gen/log_pb.ts",
    source: `import "../../state/kv_store.ts";`,
  },
  {
    rule: "no-exit",
    title: "reports Deno.exit outside main.ts",
    file: "src/cli/start_command.ts",
    source: `Deno.exit(1);`,
    message: "Deno.exit outside main.ts: throw a Fault",
  },
  {
    rule: "no-exit",
    title: "reports process.exit outside main.ts",
    file: "src/cli/start_command.ts",
    source: `import process from "node:process"; process["exit"](1);`,
    message: "process.exit outside main.ts",
  },
  {
    rule: "no-exit",
    title: "reports an import of exit",
    file: "src/cli/start_command.ts",
    source: `import { exit } from "node:process";`,
    message: "process.exit outside main.ts",
  },
  { rule: "no-exit", title: "allows it in main.ts", file: "main.ts", source: `Deno.exit(0);` },
  {
    rule: "no-exit",
    title: "allows it in a script",
    file: "scripts/coverage.ts",
    source: `Deno.exit(1);`,
  },
  {
    rule: "clock",
    title: "reports Date.now, also as a value",
    source: `export const now = Date.now;`,
    message: "Date.now outside src/core/clock.ts: take a Clock",
  },
  {
    rule: "clock",
    title: "reports performance.now",
    source: `performance.now();`,
    message: "performance.now outside",
  },
  {
    rule: "clock",
    title: "reports a Date of the current moment",
    source: `new Date();`,
    message: "new Date() outside",
  },
  {
    rule: "clock",
    title: "reports setTimeout",
    source: `setTimeout(() => {}, 1);`,
    message: "setTimeout() outside",
  },
  {
    rule: "clock",
    title: "reports setInterval",
    source: `globalThis.setInterval(() => {}, 1);`,
    message: "globalThis.setInterval outside",
  },
  {
    rule: "clock",
    title: "reports the timers of Node",
    source: `import { setTimeout as sleep } from "node:timers/promises";`,
    message: "node:timers/promises outside",
  },
  {
    rule: "clock",
    title: "allows a Date of a given moment, and the time-out of a socket",
    source: `new Date(0); socket.setTimeout(1000);`,
  },
  {
    rule: "clock",
    title: "allows them in src/core/clock.ts",
    file: "src/core/clock.ts",
    source: `Date.now(); setTimeout(() => {}, 1);`,
  },
  {
    rule: "clock",
    title: "allows them in tests",
    file: "tests/core/clock_test.ts",
    source: `Date.now();`,
  },
  {
    rule: "file-length",
    title: "reports a file of 401 lines",
    source: "\n".repeat(400) + "export {};\n",
    message: "401 lines, and at most 400 are allowed",
  },
  {
    rule: "file-length",
    title: "allows a file of 400 lines",
    source: "\n".repeat(399) + "export {};\n",
  },
  {
    rule: "file-name",
    title: "reports a name in camel case",
    file: "src/core/eventFilter.ts",
    source: `export {};`,
    message: "'eventFilter.ts' is not snake_case",
  },
  {
    rule: "file-name",
    title: "reports a name that says nothing",
    file: "tests/support/utils.ts",
    source: `export {};`,
    message: "name the file after its main export",
  },
  {
    rule: "file-name",
    title: "reports a name that says nothing at its end",
    file: "src/core/string_helpers.ts",
    source: `export {};`,
    message: "'string_helpers.ts' says nothing",
  },
  {
    rule: "file-name",
    title: "allows snake_case",
    file: "src/core/event_types.ts",
    source: `export {};`,
  },
  {
    rule: "private-field",
    title: "reports a private field",
    source: `class A { private readonly b = 1; }`,
    message: "'private' member: make it #private",
  },
  {
    rule: "private-field",
    title: "reports a protected method",
    source: `abstract class A { protected abstract b(): void; }`,
    message: "'protected' member: make it #private",
  },
  {
    rule: "private-field",
    title: "reports a private constructor parameter",
    source: `class A { constructor(private readonly b: number) {} }`,
    message: "'private' constructor parameter: declare a #private field",
  },
  {
    rule: "private-field",
    title: "allows #private members and a private constructor",
    source: `class A { readonly #b = 1; private constructor() {} }`,
  },
  {
    rule: "top-level-function",
    title: "reports an arrow function in a constant",
    source: `export const double = (n: number) => n * 2;`,
    message: "declare 'function double()'",
  },
  {
    rule: "top-level-function",
    title: "reports a function expression in a constant",
    source: `const double = function (n: number) { return n * 2; };`,
    message: "declare 'function double()'",
  },
  {
    rule: "top-level-function",
    title: "allows declarations, annotated constants and inner arrow functions",
    source: `
      function double(n: number) { const twice = () => n * 2; return twice(); }
      export const triple: (n: number) => number = (n) => n * 3;`,
  },
  {
    rule: "positional-arguments",
    title: "reports the fourth parameter of an exported function",
    source: `export function f(a: 1, b: 2, c: 3, d: 4) {}`,
    message: "An exported function takes at most 3 positional parameters",
  },
  {
    rule: "positional-arguments",
    title: "reports a function that is exported by name",
    source: `function f(a: 1, b: 2, c: 3, d: 4) {} export { f };`,
    message: "options object",
  },
  {
    rule: "positional-arguments",
    title: "allows three parameters, and more in functions of the module",
    source: `export function f(a: 1, b: 2, c: 3) {} function g(a: 1, b: 2, c: 3, d: 4) {}`,
  },
  {
    rule: "error-message",
    title: "reports a message that starts with a lower-case letter",
    source: `new Fault("config", "cannot read the file");`,
    message: "starts with an upper-case letter",
  },
  {
    rule: "error-message",
    title: "reports a message that ends with a period",
    source: "new TypeError(`Cannot read ${file}` + '.');",
    message: "does not end with a period",
  },
  {
    rule: "error-message",
    title: "reads the second argument of an error class that takes a kind",
    source: `new KeyError("wrong-key", "cannot read the key");`,
    message: "starts with an upper-case letter",
  },
  {
    rule: "error-message",
    title: "allows a sentence without a period, and a template that starts with an expression",
    source:
      'new Fault("config", `${name} is not set`); new Error("Cannot read " + file); new Error(text);',
  },
  {
    rule: "error-message",
    title: "leaves tests alone",
    file: "tests/core/fault_test.ts",
    source: `new Error("boom.");`,
  },
];

for (const { rule, title, file = "src/cli/sample.ts", source, message } of SAMPLES) {
  Deno.test(`house/${rule} ${title}`, () => {
    const path = decodeURIComponent(new URL(`../../${file}`, import.meta.url).pathname);
    const reports = Deno.lint.runPlugin(plugin, path, source);
    const messages = reports.map((report) => `${report.id}: ${report.message}`);
    strictEqual(messages.length, message === undefined ? 0 : 1, messages.join("\n"));
    if (message !== undefined) {
      strictEqual(reports[0]?.id, `house/${rule}`);
      strictEqual(reports[0].message.includes(message), true, reports[0].message);
    }
  });
}
