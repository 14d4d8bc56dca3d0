import assert from "node:assert/strict";
import { adoptGoState } from "../../src/cli/adopt_go_state.ts";
import { decodePending, GO_PENDING } from "../../src/cli/go_streams.ts";
import { MemoryPositionStore } from "../../src/state/memory_position_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLogger } from "../support/recording_logger.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const NOW_MS = Date.UTC(2026, 5, 1);
const SID = "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc";

async function writeGoFolder(folder: TemporaryFolder, name: string): Promise<void> {
  await Deno.mkdir(folder.join(name), { recursive: true });
  await Deno.writeTextFile(folder.join(name, "start_time"), "2026-01-31T10:00:00Z");
  await Deno.writeTextFile(folder.join(name, "id"), "abc");
  await Deno.writeTextFile(folder.join(name, "cursor"), "");
  await Deno.writeFile(folder.join(name, `session${SID}`), new Uint8Array(3));
}

async function adopt(
  folder: TemporaryFolder,
  store: MemoryPositionStore,
  { dryRun = false, host = "localhost" } = {},
) {
  const logger = new RecordingLogger();
  await adoptGoState({
    config: {
      storage: `${folder.path}/`,
      teleportAddr: { host, port: 3025 },
      startTimeMs: undefined,
      dryRun,
    },
    store,
    clock: new FakeClock(NOW_MS),
    logger,
  });
  return logger.records;
}

async function listIds(store: MemoryPositionStore): Promise<string[]> {
  return (await Array.fromAsync(store.list(""))).map(({ streamId }) => streamId);
}

for (const [host, name] of [["localhost", "localhost_3025"], ["::1", "::1_3025"]] as const) {
  Deno.test(`adoptGoState() takes over what the Go handler left in '${name}', once, and lists it`, async () => {
    await using folder = await temporaryFolder();
    await writeGoFolder(folder, name);
    const store = new MemoryPositionStore();
    const lines = await adopt(folder, store, { host });
    assert.deepEqual(await listIds(store), ["go-handler/adopted", GO_PENDING, `session/${SID}`]);
    assert.equal(decodePending((await store.read(GO_PENDING))!).marks.id, "abc");
    assert.deepEqual(lines.map(({ level, message }) => [level, message.split(":")[0]]), [
      ["info", "Taking over the state of the Go handler"],
      ["warning", `The Go handler's file 'session${SID}' holds 3 bytes in place of 8`],
    ]);
    assert.deepEqual(lines[0]!.fields, {
      folder: `${folder.path}/${name}`,
      start_time: "2026-01-31T10:00:00Z",
      window_time: "none",
      id: "abc",
      cursor: "none",
      recordings: 1,
    });
    assert.deepEqual(await adopt(folder, store, { host }), []);
    await Deno.writeTextFile(folder.join(name, "id"), "later");
    const [news] = await adopt(folder, store, { host });
    assert.match(news!.message, /^The Go handler has run since its state was taken over/);
    assert.equal(decodePending((await store.read(GO_PENDING))!).marks.id, "abc");
  });
}

Deno.test("adoptGoState() leaves a state of our own alone, and a dry run takes nothing over", async () => {
  await using folder = await temporaryFolder();
  await writeGoFolder(folder, "localhost_3025");
  const store = new MemoryPositionStore();
  assert.deepEqual(await adopt(folder, store, { dryRun: true }), []);
  assert.deepEqual(await listIds(store), []);
  await store.commit({ streamId: "log", position: {} });
  assert.deepEqual(await adopt(folder, store), []);
  assert.deepEqual(await listIds(store), ["log"]);
});

Deno.test("adoptGoState() stores nothing of a folder that it cannot read, and says what to do", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.join("localhost_3025", "cursor_v2", "2026-01-31"), { recursive: true });
  // A link to itself cannot be read by anybody, not even by root.
  await new Deno.Command("ln", { args: ["-s", "id", folder.join("localhost_3025", "id")] })
    .output();
  const store = new MemoryPositionStore();
  await assert.rejects(adopt(folder, store), /Cannot read '.*id' of the Go handler's state: /);
  assert.deepEqual(await listIds(store), []);
});
