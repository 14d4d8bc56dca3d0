import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { StorageLock } from "../../src/state/storage_lock.ts";
import { startStateProcess } from "../support/state_process.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function refuse(folder: string): Promise<Fault> {
  const error = await StorageLock.acquire(folder, 1).then(() => undefined, (e: unknown) => e);
  assert.ok(error instanceof Fault, `${error}`);
  assert.equal(error.kind, "state");
  return error;
}

Deno.test("StorageLock.acquire() refuses a second handler, names the first one's pid and says what to do", async () => {
  await using folder = await temporaryFolder();
  await using child = startStateProcess({ command: "lock", path: folder.path });
  await child.waitForLine(/held/, { from: "stdout" });
  const text = `Storage folder '${folder.path}' is in use by the handler with pid ${child.pid}. ` +
    "Stop that one first, or give this one a storage of its own";
  assert.equal((await refuse(folder.path)).text, text);
  // To be refused does not harm the holder.
  assert.equal((await refuse(folder.path)).text, text);
});

Deno.test("StorageLock.acquire() gets the lock of a handler that was killed", async () => {
  await using folder = await temporaryFolder();
  await using child = startStateProcess({ command: "lock", path: folder.path });
  await child.waitForLine(/held/, { from: "stdout" });
  child.kill("SIGKILL");
  await child.waitForExit();
  using _lock = await StorageLock.acquire(folder.path, 42);
  assert.equal(await Deno.readTextFile(folder.join("lock")), "42\n");
});

Deno.test("StorageLock keeps the folder until it is disposed of", async () => {
  await using folder = await temporaryFolder();
  const lock = await StorageLock.acquire(folder.path, 123456789);
  assert.match((await refuse(folder.path)).message, /the handler with pid 123456789/);
  lock[Symbol.dispose]();
  using _next = await StorageLock.acquire(folder.path, 7);
  assert.match((await refuse(folder.path)).message, /pid 7$/);
});

Deno.test("StorageLock.acquire() replaces what an earlier version left in the file, and its file is private", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("lock"), "something much longer than a pid\n");
  await Deno.remove(folder.join("lock"));
  using _lock = await StorageLock.acquire(folder.path, 5);
  assert.equal(await Deno.readTextFile(folder.join("lock")), "5\n");
  assert.equal((await Deno.stat(folder.join("lock"))).mode! & 0o777, 0o600);
});

Deno.test("StorageLock.acquire() speaks of another handler where the file names none", async () => {
  await using folder = await temporaryFolder();
  using file = await Deno.open(folder.join("lock"), { write: true, create: true });
  await file.lock(true);
  assert.match((await refuse(folder.path)).message, /is in use by another handler$/);
});

for (const place of ["nowhere", "file"]) {
  Deno.test(`StorageLock.acquire() names a folder that it cannot write to (${place})`, async () => {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(folder.join("file"), "");
    const fault = await refuse(folder.join(place));
    assert.match(
      fault.text,
      /^Cannot write to the storage folder '.*\/(nowhere|file)': .*storage must name a folder/,
    );
  });
}
