import assert from "node:assert/strict";
import { LostLines } from "../../src/log/lost_lines.ts";

/** A disk that is full as long as it is told so. */
function open() {
  const written: string[] = [];
  const disk = { isFull: false };
  const lines = new LostLines(({ level, message, fields }) => {
    if (disk.isFull) throw new Error("No space left on device (os error 28)");
    written.push(`${level} ${message} ${JSON.stringify(fields)}`);
  });
  const say = (message: string) => lines.write({ level: "info", message, fields: {} });
  return { disk, say, written };
}

Deno.test("LostLines writes what can be written", () => {
  const { say, written } = open();
  for (const message of ["a", "b"]) say(message);
  assert.deepEqual(written, ["info a {}", "info b {}"]);
});

Deno.test("LostLines counts what a full disk does not take, and tells when it takes lines again", () => {
  const { disk, say, written } = open();
  for (let outage = 0; outage < 2; outage++) {
    disk.isFull = true;
    for (const message of ["lost", "lost", "lost"]) assert.doesNotThrow(() => say(message));
    disk.isFull = false;
    for (const message of ["b", "c"]) say(message);
  }
  const told = "warning Lines of the log were lost, because they could not be written " +
    '{"count":3,"reason":"No space left on device (os error 28)"}';
  assert.deepEqual(written, [told, "info b {}", "info c {}", told, "info b {}", "info c {}"]);
});
