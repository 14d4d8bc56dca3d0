import assert from "node:assert/strict";
import fc from "fast-check";
import type { Fault } from "../../src/core/fault.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import { probeQuarantine } from "../../src/state/quarantine_probe.ts";
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

/** Lines can be taken out of no file then. */
async function blockNextFile(folder: TemporaryFolder): Promise<void> {
  await Deno.mkdir(folder.join("events.jsonl.new", "x"), { recursive: true });
}

/** The runtime lets only those make links who may write anywhere. */
async function link(target: string, path: string): Promise<void> {
  const { success } = await new Deno.Command("ln", { args: ["-s", target, path] }).output();
  assert.ok(success);
}

async function listNames(folder: TemporaryFolder): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(folder.path), ({ name }) => name);
  return names.sort();
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
      const event = makeEvent(text, { type: ',"event":{}', json: payload });
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
  await assert.rejects(quarantine.takeOut(() => true, isDone), /receiver is away/);
  const left = ["e1", "e3", "e5", ...Array.from({ length: 13 }, (_, i) => `e${i + 7}`)];
  assert.deepEqual(await readIds(quarantine), left);
});

Deno.test("QuarantineFolder.takeOut() loses nothing when it cannot write, and says so", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 3);
  await blockNextFile(folder);
  await assert.rejects(
    quarantine.takeOut((entry) => idOf(entry) === "e1"),
    (fault: Fault) =>
      /^Cannot take lines out of the quarantine '.*events\.jsonl'.*\. Nothing of it is lost/
        .test(fault.text),
  );
  assert.deepEqual(await readIds(quarantine), ["e0", "e1", "e2"]);
});

Deno.test("QuarantineFolder.takeOut() lets nothing be sent that it could not take out", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 3);
  await blockNextFile(folder);
  const sent: string[] = [];
  await assert.rejects(
    quarantine.takeOut(() => true, (entry) => sent.push(idOf(entry)) > 0),
    (fault: Fault) => /\. Nothing of it was sent; make room or check the owner/.test(fault.text),
  );
  assert.deepEqual(sent, []);
  assert.deepEqual(await readIds(quarantine), ["e0", "e1", "e2"]);
});

Deno.test("QuarantineFolder.takeOut() has the room for what may be left on the disk before anything is sent", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 3);
  const { bytes } = await quarantine.measure();
  const sizes: number[] = [];
  await quarantine.takeOut(() => true, async () => {
    sizes.push((await Deno.stat(folder.join("events.jsonl.new"))).size);
    return false;
  });
  assert.deepEqual(sizes, [bytes, bytes, bytes]);
  assert.deepEqual(await listNames(folder), ["events.jsonl"]);
});

Deno.test("QuarantineFolder.takeOut() names the events that would be sent again when it cannot take them out after all", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 3);
  const path = folder.join("events.jsonl");
  const failing = quarantine.takeOut(() => true, async (entry) => {
    if (idOf(entry) !== "e2") return true;
    await Deno.rename(path, `${path}.aside`);
    await Deno.mkdir(path);
    return false;
  });
  await assert.rejects(
    failing,
    (fault: Fault) =>
      /\. Make room or check the owner\. 2 events were sent and are still there: unless they are dropped, replay sends them again$/
        .test(fault.text),
  );
  assert.deepEqual(await listNames(folder), ["events.jsonl", "events.jsonl.aside"]);
});

Deno.test("QuarantineFolder.takeOut() is not held up by what a run that was killed has left, and follows no link", async () => {
  await using folder = await temporaryFolder();
  const quarantine = await fill(folder, 3);
  const left = folder.join("events.jsonl.new");
  await Deno.writeTextFile(folder.join("elsewhere"), "x".repeat(9000));
  for (const leave of [Deno.copyFile, link]) {
    await leave(folder.join("elsewhere"), left);
    const [first] = await readIds(quarantine);
    await quarantine.takeOut((entry) => idOf(entry) === first, () => true);
    assert.equal((await Deno.stat(folder.join("elsewhere"))).size, 9000);
    assert.deepEqual(await listNames(folder), ["elsewhere", "events.jsonl"]);
  }
  assert.deepEqual(await readIds(quarantine), ["e2"]);
});

for (const name of ["events.jsonl", "events-000001.jsonl"]) {
  Deno.test(`QuarantineFolder says of a link in place of ${name} that it is not followed`, async () => {
    await using folder = await temporaryFolder();
    const quarantine = await fill(folder, 1);
    await Deno.rename(folder.join("events.jsonl"), folder.join("moved"));
    for (const target of ["moved", "nowhere"]) {
      await link(folder.join(target), folder.join(name));
      const looks = [
        () => quarantine.measure(),
        () => readIds(quarantine),
        () => quarantine.takeOut(() => true),
      ];
      for (const look of looks) {
        await assert.rejects(
          look(),
          (fault: Fault) => /^Symbolic link '.*' is not followed\. Move it away;/.test(fault.text),
        );
      }
      const finding = await probeQuarantine(quarantine);
      assert.match(finding.advice ?? "", /^Move it away;/);
      await Deno.remove(folder.join(name));
    }
  });
}
