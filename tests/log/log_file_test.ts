import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { LogFile } from "../../src/log/log_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

async function open() {
  const folder = await temporaryFolder();
  const path = `${folder.path}/handler.log`;
  return { path, folder, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

Deno.test("LogFile adds lines to what the file holds already", async () => {
  await using place = await open();
  await Deno.writeTextFile(place.path, "old\n");
  using file = new LogFile(place.path);
  file.write("Zeile ü\n");
  file.write("second\n");
  assert.equal(await Deno.readTextFile(place.path), "old\nZeile ü\nsecond\n");
});

Deno.test("LogFile makes a file that its group may read, and others not", async () => {
  await using place = await open();
  using _file = new LogFile(place.path);
  const { mode } = await Deno.stat(place.path);
  assert.equal(mode! & 0o137, 0, (mode! & 0o777).toString(8));
});

Deno.test("LogFile leaves the mode of a file alone that is there already", async () => {
  await using place = await open();
  await Deno.writeTextFile(place.path, "");
  await Deno.chmod(place.path, 0o604);
  using _file = new LogFile(place.path);
  assert.equal((await Deno.stat(place.path)).mode! & 0o777, 0o604);
});

Deno.test("LogFile.reopen() goes on in a new file when the old one was moved away", async () => {
  await using place = await open();
  using file = new LogFile(place.path);
  file.write("one\n");
  await Deno.rename(place.path, `${place.path}.1`);
  file.write("two\n");
  file.reopen();
  file.write("three\n");
  assert.equal(await Deno.readTextFile(`${place.path}.1`), "one\ntwo\n");
  assert.equal(await Deno.readTextFile(place.path), "three\n");
});

Deno.test("LogFile.reopen() keeps the old file when there can be no new one", async () => {
  await using place = await open();
  const folder = `${place.folder.path}/logs`;
  await Deno.mkdir(folder);
  using file = new LogFile(`${folder}/handler.log`);
  await Deno.rename(folder, `${folder}.old`);
  assert.throws(() => file.reopen(), Fault);
  file.write("still here\n");
  assert.equal(await Deno.readTextFile(`${folder}.old/handler.log`), "still here\n");
});

Deno.test("LogFile says which folder is missing as a fault of the settings", async () => {
  await using place = await open();
  assert.throws(() => new LogFile(`${place.folder.path}/gone/handler.log`), (error: Fault) => {
    assert.equal(error.kind, "config");
    assert.match(error.message, /^The log file cannot be opened: No such file or directory/);
    assert.match(error.hint!, /folder must exist/);
    return true;
  });
});
