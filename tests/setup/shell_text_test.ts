import assert from "node:assert/strict";
import { dockerPath, quoteShellWord } from "../../src/setup/shell_text.ts";

const WORDS: readonly (readonly [string, string])[] = [
  ["/etc/fluentd/ca.crt", "/etc/fluentd/ca.crt"],
  ["my folder", "'my folder'"],
  ["it's", `'it'\\''s'`],
  ["", "''"],
];

for (const [text, word] of WORDS) {
  Deno.test(`quoteShellWord() writes ${JSON.stringify(text)} as one word of a shell`, async () => {
    assert.equal(quoteShellWord(text), word);
    const { stdout } = await new Deno.Command("sh", { args: ["-c", `printf %s ${word}`] }).output();
    assert.equal(new TextDecoder().decode(stdout), text);
  });
}

const PATHS: readonly (readonly [string, string])[] = [
  ["ca.crt", `"$PWD"/ca.crt`],
  ["my folder/ca.crt", `"$PWD"/'my folder/ca.crt'`],
  ["/etc/fluentd/ca.crt", "/etc/fluentd/ca.crt"],
  ["C:\\fluentd\\ca.crt", "'C:\\fluentd\\ca.crt'"],
  ["d:/fluentd/ca.crt", "d:/fluentd/ca.crt"],
];

for (const [path, expected] of PATHS) {
  Deno.test(`dockerPath() gives Docker an absolute path for ${path}`, () => {
    assert.equal(dockerPath(path), expected);
  });
}
