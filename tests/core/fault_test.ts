import assert from "node:assert/strict";
import { EXIT_CODES, Fault, type FaultKind, formatError } from "../../src/core/fault.ts";

/** Exit codes are a promise to service managers; `transient` decides whether the process goes on. */
const KINDS: readonly [FaultKind, number, boolean][] = [
  ["usage", 2, false],
  ["config", 78, false],
  ["credentials", 78, false],
  ["unavailable", 1, true],
  ["denied", 1, true],
  ["protocol", 1, true],
  ["missing", 1, true],
  ["unsupported", 1, true],
  ["rejected", 1, false],
  ["state", 1, false],
  ["internal", 1, false],
];

for (const [kind, exitCode, transient] of KINDS) {
  Deno.test(`Fault of kind ${kind} ends the process with ${exitCode} and is ${transient ? "" : "not "}transient`, () => {
    assert.equal(EXIT_CODES[kind], exitCode);
    assert.equal(new Fault(kind, "message").transient, transient);
  });
}

Deno.test("Fault.text joins message and hint", () => {
  assert.equal(new Fault("state", "Cannot write").text, "Cannot write");
  assert.equal(
    new Fault("state", "Cannot write", { hint: "Make room" }).text,
    "Cannot write. Make room",
  );
});

Deno.test("Fault keeps its kind, its cause and a name for stack traces", () => {
  const cause = new Error("underneath");
  const fault = new Fault("protocol", "message", { cause });
  assert.deepEqual([fault.kind, fault.cause, fault.name], ["protocol", cause, "Fault"]);
  assert.equal("cause" in new Fault("protocol", "message"), false);
});

const ERRORS: readonly {
  readonly title: string;
  readonly error: unknown;
  readonly text: string;
}[] = [
  { title: "an error by its message", error: new Error("broken"), text: "broken" },
  {
    title: "the causes after the message",
    error: new Error("outer", { cause: new TypeError("middle", { cause: new Error("inner") }) }),
    text: "outer: middle: inner",
  },
  {
    title: "a cause only once where the message repeats it",
    error: new Error("sending failed: connection refused", {
      cause: new Error("connection refused"),
    }),
    text: "sending failed: connection refused",
  },
  {
    title: "a fault with its hint",
    error: new Fault("state", "Full", { hint: "Make room" }),
    text: "Full. Make room",
  },
  {
    title: "a fault without its cause, which its message speaks of",
    error: new Fault("state", "Full", { cause: new Error("ENOSPC") }),
    text: "Full",
  },
  {
    title: "a fault as a cause",
    error: new Error("outer", { cause: new Fault("state", "Full", { hint: "Make room" }) }),
    text: "outer: Full. Make room",
  },
  { title: "several lines as one", error: new Error("one\n  two\r\nthree"), text: "one two three" },
  { title: "a text", error: "just text", text: "just text" },
  { title: "a number", error: 42, text: "42" },
  { title: "null", error: null, text: "null" },
  { title: "undefined, so that a message is never blank", error: undefined, text: "unknown error" },
  { title: "an error without a message by its name", error: new TypeError(""), text: "TypeError" },
  { title: "an object without a prototype", error: Object.create(null), text: "unknown error" },
];

for (const { title, error, text } of ERRORS) {
  Deno.test(`formatError() describes ${title}`, () => {
    assert.equal(formatError(error), text);
  });
}

Deno.test("formatError() ends where causes go in a circle", () => {
  const error = new Error("a");
  error.cause = new Error("b", { cause: error });
  assert.equal(formatError(error), "a: b");
});

Deno.test("formatError() ends for very long chains", () => {
  let error = new Error("0");
  for (let i = 1; i < 1000; i++) error = new Error(`level ${i};`, { cause: error });
  assert.equal(formatError(error).split(";").length - 1, 5);
});
