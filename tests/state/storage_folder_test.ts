import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { openStorageFolder, storageFolderFor } from "../../src/state/storage_folder.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const FOLDERS: readonly [string, string, number, string][] = [
  ["./storage", "localhost", 3025, "./storage/localhost_3025"],
  ["/var/lib/teh/", "auth.example.com", 443, "/var/lib/teh/auth.example.com_443"],
  ["/var/lib/teh///", "10.0.0.1", 1, "/var/lib/teh/10.0.0.1_1"],
  ["s", "::1", 3025, "s/__1_3025"],
  ["s", "../../etc", 3025, "s/.._.._etc_3025"],
  ["s", "höst", 3025, "s/h_st_3025"],
];

for (const [storage, host, port, folder] of FOLDERS) {
  Deno.test(`storageFolderFor() puts the state of ${host}:${port} below ${storage} into ${folder}`, () => {
    assert.equal(storageFolderFor(storage, { host, port }), folder);
  });
}

Deno.test("openStorageFolder() makes the folder for its owner alone, and takes one that is there", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("a", "b");
  await openStorageFolder(path);
  await openStorageFolder(path);
  for (const made of [folder.join("a"), path]) {
    assert.equal((await Deno.stat(made)).mode! & 0o777, 0o700);
  }
});

for (const place of ["file", "file/below", "dangling"]) {
  Deno.test(`openStorageFolder() says what to do about a place where no folder can be (${place})`, async () => {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(folder.join("file"), "");
    const link = ["-s", folder.join("nowhere"), folder.join("dangling")];
    assert.ok((await new Deno.Command("ln", { args: link }).output()).success);
    const error = await openStorageFolder(folder.join(place)).then(() => undefined, (e) => e);
    assert.ok(error instanceof Fault, `${error}`);
    assert.equal(error.kind, "state");
    assert.match(
      error.text,
      new RegExp(
        `^Cannot create the storage folder '.*/${place}': .*\\. storage must name a folder that this user may write to$`,
      ),
    );
  });
}
