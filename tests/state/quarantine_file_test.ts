import assert from "node:assert/strict";
import type { AuditEvent } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { QuarantineFolder } from "../../src/state/quarantine_folder.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { startStateProcess } from "../support/state_process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

function openQuarantine(
  folder: TemporaryFolder,
  options: { maxBytes?: number; maxFileBytes?: number } = {},
): QuarantineFile {
  return new QuarantineFile({
    folder: folder.join("quarantine"),
    clock: new FakeClock(NOW_MS),
    maxBytes: 2 ** 30,
    ...options,
  });
}

/** Names and lengths of the files, in the order of their names. */
async function readSizes(folder: TemporaryFolder): Promise<[string, number][]> {
  const sizes: [string, number][] = [];
  for await (const { name } of Deno.readDir(folder.join("quarantine"))) {
    sizes.push([name, (await Deno.stat(folder.join(`quarantine/${name}`))).size]);
  }
  return sizes.sort();
}

async function readLines(quarantine: QuarantineFile): Promise<string[]> {
  const text = await Deno.readTextFile(quarantine.path);
  assert.ok(text.endsWith("\n"));
  return text.slice(0, -1).split("\n");
}

function reject(event: AuditEvent, reason = "HTTP 400: no") {
  return { streamId: "log", event, reason };
}

Deno.test("QuarantineFile.put() writes when, why, which event, and the event as it would have been sent", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder);
  const json = new TextEncoder().encode('{"b":1e2,"a":"ü \\u0000"}');
  await quarantine.put(
    reject(makeEvent("id-1", { type: "user.login", json }), 'said "no"\n'),
  );
  assert.deepEqual(await readLines(quarantine), [
    '{"quarantinedAt":"2026-01-02T03:04:05.000Z","stream":"log","reason":"said \\"no\\"\\n",' +
    '"id":"id-1","type":"user.login","time":"2026-01-01T00:00:00.000Z",' +
    '"event":{"b":1e2,"a":"ü \\u0000"}}',
  ]);
});

Deno.test("QuarantineFile.put() keeps the bytes of an event that cannot be made into JSON", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder);
  const raw = Uint8Array.from({ length: 256 }, (_, i) => i);
  await quarantine.put(
    reject({ ...makeEvent("id", { json: "" }), defect: { reason: "broken", raw } }),
  );
  const [line] = await readLines(quarantine);
  const { raw: text, event } = JSON.parse(line!);
  assert.deepEqual(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)), raw);
  assert.equal(event, undefined);
});

for (const timeMs of [0, 9.2e21, NaN]) {
  Deno.test(`QuarantineFile.put() keeps an event whose time is ${timeMs}`, async () => {
    await using folder = await temporaryFolder();
    const quarantine = openQuarantine(folder);
    await quarantine.put(reject({ ...makeEvent("id"), timeMs }));
    assert.equal(JSON.parse((await readLines(quarantine))[0]!).event.id, "id");
  });
}

Deno.test("QuarantineFile.put() closes the half line that a crash left", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder);
  await quarantine.put(reject(makeEvent("first")));
  await Deno.writeTextFile(quarantine.path, '{"half":', { append: true });
  await quarantine.put(reject(makeEvent("second")));
  const [first, half, second, ...rest] = await readLines(quarantine);
  assert.deepEqual([JSON.parse(first!).id, half, JSON.parse(second!).id], [
    "first",
    '{"half":',
    "second",
  ]);
  assert.deepEqual(rest, []);
});

Deno.test("QuarantineFile.put() keeps lines whole and in order when many are put at once", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder);
  const ids = Array.from({ length: 100 }, (_, i) => `e${i}`);
  await Promise.all(ids.map((id, i) => quarantine.put(reject(makeEvent(id, { bytes: i * 1000 })))));
  assert.deepEqual((await readLines(quarantine)).map((line) => JSON.parse(line).id), ids);
});

Deno.test("QuarantineFile.put() adds to what earlier runs left", async () => {
  await using folder = await temporaryFolder();
  for (const id of ["a", "b"]) await openQuarantine(folder).put(reject(makeEvent(id)));
  const lines = await readLines(openQuarantine(folder));
  assert.deepEqual(lines.map((line) => JSON.parse(line).id), ["a", "b"]);
});

Deno.test("QuarantineFile.put() begins a new file before one grows beyond its size, and renames none twice", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder, { maxFileBytes: 3000 });
  for (let i = 0; i < 5; i++) await quarantine.put(reject(makeEvent(`e${i}`, { bytes: 1000 })));
  // Another run goes on where this one ended.
  const next = openQuarantine(folder, { maxFileBytes: 3000 });
  await next.put(reject(makeEvent("e5", { bytes: 5000 })));
  await next.put(reject(makeEvent("e6")));
  const sizes = await readSizes(folder);
  assert.deepEqual(sizes.map(([name]) => name), [
    "events-000001.jsonl",
    "events-000002.jsonl",
    "events-000003.jsonl",
    "events-000004.jsonl",
    "events.jsonl",
  ]);
  const entries = await Array.fromAsync(new QuarantineFolder(folder.join("quarantine")).read());
  assert.deepEqual(
    entries.map(({ content }) => "id" in content ? content.id : content.defect),
    ["e0", "e1", "e2", "e3", "e4", "e5", "e6"],
  );
  // Only an event that is larger alone makes a larger file.
  assert.deepEqual(sizes.map(([, bytes]) => bytes > 3000), [false, false, false, true, false]);
});

Deno.test("QuarantineFile.put() takes nothing when all is full, says what to do, and goes on when there is room", async () => {
  await using folder = await temporaryFolder();
  const options = { maxFileBytes: 3000, maxBytes: 6000 };
  const quarantine = openQuarantine(folder, options);
  for (let i = 0; i < 4; i++) await quarantine.put(reject(makeEvent(`e${i}`, { bytes: 1200 })));
  const before = await readSizes(folder);
  for (const refusing of [quarantine, openQuarantine(folder, options)]) {
    await assert.rejects(
      refusing.put(reject(makeEvent("late", { bytes: 1200 }))),
      (error: Fault) =>
        error.kind === "state" &&
        /^The quarantine '.*\/quarantine' is full: it holds 5\.\d KiB, and quarantine-max-size is 5\.8 KiB\. The event and all behind it are held back\. /
          .test(error.text) &&
        /state quarantine replay --all/.test(error.text),
    );
  }
  assert.deepEqual(await readSizes(folder), before);
  await Deno.remove(folder.join("quarantine/events-000001.jsonl"));
  await quarantine.put(reject(makeEvent("late", { bytes: 1200 })));
  assert.match((await readLines(quarantine)).at(-1)!, /"id":"late"/);
});

Deno.test("QuarantineFile.put() takes one event of any size when it is empty", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder, { maxBytes: 1000 });
  await quarantine.put(reject(makeEvent("large", { bytes: 100_000 })));
  assert.equal((await readLines(quarantine)).length, 1);
  await assert.rejects(quarantine.put(reject(makeEvent("small"))), /is full/);
});

Deno.test("QuarantineFile keeps its file and folder from other users", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder, { maxFileBytes: 1000 });
  for (const id of ["a", "b"]) await quarantine.put(reject(makeEvent(id, { bytes: 1000 })));
  assert.equal((await Deno.stat(quarantine.path)).mode! & 0o777, 0o600);
  const full = folder.join("quarantine/events-000001.jsonl");
  assert.equal((await Deno.stat(full)).mode! & 0o777, 0o600);
  assert.equal((await Deno.stat(folder.join("quarantine"))).mode! & 0o777, 0o700);
});

Deno.test("QuarantineFile.put() says where it cannot write, and works again when it can", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder);
  await Deno.writeTextFile(folder.join("quarantine"), "in the way");
  await assert.rejects(
    quarantine.put(reject(makeEvent("lost?"))),
    (error: Fault) =>
      error.kind === "state" && error.text.includes(quarantine.path) &&
      /^Cannot write to the quarantine .*\. The event is held back until there is room$/.test(
        error.text,
      ),
  );
  await Deno.remove(folder.join("quarantine"));
  await quarantine.put(reject(makeEvent("kept")));
  assert.equal((await readLines(quarantine)).length, 1);
});

Deno.test({
  name: "QuarantineFile.put() leaves no half line when the disk is full",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await temporaryFolder();
    const quarantine = openQuarantine(folder);
    const path = folder.join("quarantine");
    await using child = startStateProcess({ command: "reject", path, maxFileKiB: 64 });
    await child.waitForExit();
    const last = Number(/^last (\d+)$/.exec(child.stdout[0]!)![1]);
    assert.match(
      child.stdout[1]!,
      /^fault state Cannot write to the quarantine .*\. The event is held back/,
    );
    const ids = (await readLines(quarantine)).map((line) => JSON.parse(line).id);
    assert.deepEqual(ids, Array.from({ length: last + 1 }, (_, i) => String(i)));
    assert.ok(last >= 10);
  },
});
