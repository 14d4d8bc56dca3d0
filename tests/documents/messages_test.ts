import assert from "node:assert/strict";
import { listFiles, readDocuments, ROOT } from "./documents.ts";

/** Words of others that the document quotes. */
const OF_OTHERS: ReadonlySet<string> = new Set([
  "tcp connect error: Connection refused", // the runtime
  "buffer space has too many data", // Fluentd
  "larger than buffer chunk limit", // Fluentd
  "invalid date", // Fluentd
]);

const documents = await readDocuments();
const document = documents.find(({ path }) => path === "docs/troubleshooting.md")!;
const operations = documents.find(({ path }) => path === "docs/operations.md")!;
const source = await readSource();

for (const message of quotedMessages(document.text)) {
  Deno.test(`docs/troubleshooting.md quotes a message of the program: ${message}`, () => {
    if (!OF_OTHERS.has(message)) assertInSource(message);
  });
}

Deno.test("docs/operations.md quotes messages of the program", () => {
  // A message begins with a capital and has several words; names of files and settings do not.
  const messages = operations.spans.filter((span) => /^(?:[A-Z][a-z]+|was) \S/.test(span));
  assert.ok(messages.length > 10);
  for (const message of messages) {
    // What stands behind a colon or in a field is a message or a value of its own; the peer is a value.
    for (const part of message.replace(/^(?:Teleport|Fluentd|Storage) /, "").split(/: | \w+=/)) {
      assertInSource(part);
    }
  }
});

function assertInSource(message: string): void {
  for (const part of message.replace(/HTTP \d{3}/, "HTTP …").split("…")) {
    // What is left of a message is too short to say anything, such as the blank between two values.
    const words = part.replaceAll(/^[\s'.,:;()]+|[\s'.,:;()]+$/g, "");
    if (words.length < 3) continue;
    assert.ok(source.includes(words), `'${words}' stands nowhere in src/`);
  }
}

/** Messages stand in the first column of the tables, as code. */
function quotedMessages(text: string): string[] {
  const messages = new Set<string>();
  for (const line of text.split("\n")) {
    const [, first = ""] = /^\| (.*?) +\| /.exec(line) ?? [];
    for (const [, , message] of first.matchAll(/(`+)(.+?)\1(?!`)/g)) messages.add(message!.trim());
  }
  assert.ok(messages.size > 50, "the tables cannot be read");
  return [...messages];
}

/** All of src/, with what is written over several lines joined, and the marks of templates removed. */
async function readSource(): Promise<string> {
  const files = (await listFiles(["src"])).filter((file) => !file.startsWith("src/teleport/gen/"));
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(`${ROOT}${file}`)));
  return texts.join("\n").replaceAll(/["'`]\s*\+\s*["'`]/g, "").replaceAll("\\`", "`");
}
