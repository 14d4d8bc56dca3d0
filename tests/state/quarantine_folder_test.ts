import assert from "node:assert/strict";
import fc from "fast-check";
import type { Fault } from "../../src/core/fault.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import { formatQuarantineLine, type QuarantineEntry } from "../../src/state/quarantine_line.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

/** A quarantine of several small files with the events e0, e1, … */
async function fill(folder: TemporaryFolder, count: number): Promise<QuarantineFolder> {
  const file = new QuarantineFile({
    folder: folder.path,
    clock: new FakeClock(0),
    maxBytes: 2 ** 30,
    maxFileBytes: 1000,
  });
  for (let i = 0; i < count; i++) {
    await file.put({ streamId: "log", event: makeEvent(`e${i}`), reason: "no" });
  }
  return new QuarantineFolder(folder.path);
}

async function readIds(folder: QuarantineFolder): Promise<string[]> {
  const entries = await Array.fromAsync(folder.read());
  return entries.map(idOf);
}

function idOf({ content }: QuarantineEntry): string {
  return "id" in content ? content.id : content.defect;
}

Deno.test("QuarantineFolder.read() reads nothing where there is no quarantine", async () => {
  await using folder = await temporaryFolder();
  assert.deepEqual(await readIds(new QuarantineFolder(folder.join("nowhere"))), []);
});

Deno.test("QuarantineFolder.read() reads all files in the order of their lines, a tenth one after the ninth", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 100);
  assert.ok((await quarantine.listFiles()).length > 10);
  assert.deepEqual(await readIds(quarantine), Array.from({ length: 100 }, (_, i) => `e${i}`));
});

Deno.test("QuarantineFolder.read() shows half lines and foreign ones as such, and goes on behind them", async () => {
  await using folder = await temporaryFolder();
  const event = makeEvent("good");
  const line = formatQuarantineLine({ streamId: "log", event, reason: "no" }, 0);
  const text = new TextDecoder().decode(line).trimEnd();
  const foreign = [
    text.slice(0, 100),
    "some words",
    "\xff\xfe",
    "[]",
    "null",
    "{}",
    '{"id":"x"}',
    JSON.stringify({ event: {}, ...JSON.parse(text) }),
    text.replace(/"event":.*$/, '"event":"text"}'),
  ];
  await Deno.writeTextFile(folder.join("events.jsonl"), [...foreign, "", text].join("\n"));
  const entries = await Array.fromAsync(new QuarantineFolder(folder.path).read());
  assert.equal(entries.length, foreign.length + 1);
  assert.deepEqual(entries.map(({ content }) => "defect" in content), [
    ...foreign.map(() => true),
    false,
  ]);
  assert.deepEqual(entries.map(({ line }) => new TextDecoder().decode(line)), [...foreign, text]);
});

Deno.test("QuarantineFolder.read() leaves files of other names alone", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 1);
  for (const name of ["events.jsonl.new", "events-1.jsonl", "notes.jsonl", "events-000001.json"]) {
    await Deno.writeTextFile(folder.join(name), "{}\n");
  }
  assert.deepEqual(await readIds(quarantine), ["e0"]);
});

Deno.test("QuarantineEntry gives the event as the bytes that formatQuarantineLine() was given", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("events.jsonl");
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary" }), fc.json(), async (text, json) => {
      const payload = new TextEncoder().encode(`{"event":"}",${JSON.stringify(text)}: ${json} }`);
      const event = { ...makeEvent(text, { type: ',"event":{}' }), json: payload };
      const reason = `,"event":{"a":1} ${text}`;
      await Deno.writeFile(path, formatQuarantineLine({ streamId: "log", event, reason }, 0));
      const [entry] = await Array.fromAsync(new QuarantineFolder(folder.path).read());
      assert.ok(entry !== undefined && "json" in entry.content);
      assert.deepEqual(entry.content.json, payload);
      assert.equal(entry.content.reason, reason.toWellFormed());
    }),
    { numRuns: 50 },
  );
});

Deno.test("QuarantineFolder.takeOut() takes out what it is told to, leaves the rest as it stands, and removes empty files", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 20);
  await Deno.writeTextFile(folder.join("events.jsonl"), "half a li", { append: true });
  const isOdd = (entry: QuarantineEntry) => /[13579]$/.test(idOf(entry));
  const before = await Array.fromAsync(quarantine.read());
  await quarantine.takeOut(isOdd);
  const after = await Array.fromAsync(quarantine.read());
  assert.deepEqual(after, before.filter((entry) => !isOdd(entry)));
  assert.equal((await Deno.stat(folder.join("events.jsonl"))).mode! & 0o777, 0o600);
  await quarantine.takeOut(() => true);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(folder.path)), []);
});

Deno.test("QuarantineFolder.takeOut() keeps what came before and after a failure, and nothing that was done", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 20);
  const isDone = (entry: QuarantineEntry) => {
    if (idOf(entry) === "e7") throw new Error("receiver is away");
    return Number(idOf(entry).slice(1)) % 2 === 0;
  };
  await assert.rejects(quarantine.takeOut(isDone), /receiver is away/);
  const left = ["e1", "e3", "e5", ...Array.from({ length: 13 }, (_, i) => `e${i + 7}`)];
  assert.deepEqual(await readIds(quarantine), left);
});

Deno.test("QuarantineFolder.takeOut() loses nothing when it cannot write, and says so", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 3);
  await Deno.mkdir(folder.join("events.jsonl.new"));
  await assert.rejects(
    quarantine.takeOut((entry) => idOf(entry) === "e1"),
    (fault: Fault) =>
      /^Cannot take lines out of the quarantine '.*events\.jsonl'.*\. Nothing of it is lost/
        .test(fault.text),
  );
  assert.deepEqual(await readIds(quarantine), ["e0", "e1", "e2"]);
});
