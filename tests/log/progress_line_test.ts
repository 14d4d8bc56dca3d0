import assert from "node:assert/strict";
import { ProgressLine } from "../../src/log/progress_line.ts";
import { Screen } from "./screen.ts";

function open(columns = 40, { hasSequences = true } = {}) {
  const screen = new Screen(columns);
  let sent = "";
  const write = (text: string) => {
    sent += text;
    screen.write(text);
  };
  const line = new ProgressLine({ write, columns: () => screen.columns, hasSequences });
  return { line, screen, write, sent: () => sent };
}

for (const hasSequences of [true, false]) {
  const how = hasSequences ? "with control sequences" : "without any";

  Deno.test(`ProgressLine.show() changes the line in place (${how})`, () => {
    const { line, screen } = open(40, { hasSequences });
    line.show(["a long line of progress"]);
    assert.deepEqual(screen.rows, ["a long line of progress"]);
    line.show(["short"]);
    assert.deepEqual(screen.rows, ["short"]);
  });

  Deno.test(`ProgressLine.above() puts other lines above it (${how})`, () => {
    const { line, screen, write } = open(40, { hasSequences });
    line.show(["50 %, that is all"]);
    line.above(() => write("INFO one\n"));
    line.above(() => write("INFO two\nINFO three\n"));
    assert.deepEqual(screen.rows, ["INFO one", "INFO two", "INFO three", "50 %, that is all"]);
  });

  Deno.test(`ProgressLine.clear() leaves nothing behind (${how})`, () => {
    const { line, screen, write } = open(40, { hasSequences });
    line.show(["50 %"]);
    line.clear();
    line.clear();
    line.above(() => write("the end\n"));
    assert.deepEqual(screen.rows, ["the end", ""]);
  });
}

Deno.test("ProgressLine.show() takes the first text that leaves the last column free", () => {
  const { line, screen } = open(11);
  line.show(["12345678901", "1234567890", "123"]);
  assert.deepEqual(screen.rows, ["1234567890"]);
  screen.resize(10);
  line.show(["12345678901", "1234567890", "123"]);
  assert.deepEqual(screen.rows, ["123"]);
});

Deno.test("ProgressLine.show() cuts the shortest text where even that does not fit", () => {
  const { line, screen } = open(5);
  line.show(["12345678901", "123456"]);
  assert.deepEqual(screen.rows, ["1234"]);
});

Deno.test("ProgressLine wipes a line that a narrower terminal has broken", () => {
  const { line, screen } = open(40);
  screen.write("INFO before\n");
  line.show(["12345678901234567890"]);
  screen.resize(15);
  assert.deepEqual(screen.rows, ["INFO before", "123456789012345", "67890"]);
  line.show(["half of it"]);
  assert.deepEqual(screen.rows, ["INFO before", "half of it"]);
});

Deno.test("ProgressLine writes nothing while nothing changes", () => {
  const { line, sent } = open();
  line.show(["50 %"]);
  line.show(["50 %"]);
  assert.equal(sent(), "50 %");
});

Deno.test("ProgressLine sends no control sequence to a terminal that may have none", () => {
  const { line, screen, sent, write } = open(40, { hasSequences: false });
  line.show(["a long line of progress"]);
  screen.resize(12);
  line.show(["half"]);
  line.above(() => write("INFO\n"));
  line.clear();
  assert.ok(!sent().includes("\x1b"), JSON.stringify(sent()));
});

Deno.test("ProgressLine.above() comes back when what it lets write fails", () => {
  const { line, screen } = open();
  line.show(["50 %"]);
  assert.throws(() =>
    line.above(() => {
      throw new Error("disk");
    }), /disk/);
  assert.deepEqual(screen.rows, ["50 %"]);
});
