import assert from "node:assert/strict";
import type { AuditEvent } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import { QuarantineFile } from "../../src/state/quarantine_file.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { startStateProcess } from "../support/state_process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

function openQuarantine(folder: TemporaryFolder): QuarantineFile {
  return new QuarantineFile({ folder: folder.join("quarantine"), clock: new FakeClock(NOW_MS) });
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
    reject({ ...makeEvent("id-1", { type: "user.login" }), json }, 'said "no"\n'),
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
  const json = new Uint8Array(0);
  await quarantine.put(reject({ ...makeEvent("id"), json, defect: { reason: "broken", raw } }));
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

Deno.test("QuarantineFile keeps its file and folder from other users", async () => {
  await using folder = await temporaryFolder();
  const quarantine = openQuarantine(folder);
  await quarantine.put(reject(makeEvent("id")));
  assert.equal((await Deno.stat(quarantine.path)).mode! & 0o777, 0o600);
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
