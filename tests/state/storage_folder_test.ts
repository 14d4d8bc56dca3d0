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
  // As it is written, as docs/scaling.md says: other letters are another address.
  ["s", "Auth.example.com", 443, "s/Auth.example.com_443"],
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
    await makeLink(folder.join("nowhere"), folder.join("dangling"));
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

for (const mode of [0o755, 0o750, 0o777]) {
  const shown = mode.toString(8);
  Deno.test(`openStorageFolder() leaves a folder of the mode ${shown} as it is, and warns of it`, async () => {
    await using folder = await temporaryFolder();
    const path = folder.join("it's mine");
    await Deno.mkdir(path);
    await Deno.chmod(path, mode);
    assert.equal(
      await openStorageFolder(path),
      `Storage folder '${path}' is open to other users (mode 0${shown}). ` +
        `Close it with: chmod 700 '${path.replace("'", `'\\''`)}'`,
    );
    assert.equal((await Deno.stat(path)).mode! & 0o777, mode);
  });
}

for (const name of ["lock", "state.kv", "quarantine"]) {
  Deno.test(`openStorageFolder() follows no link by the name of ${name}, and what it leads to stays as it is`, async () => {
    await using folder = await temporaryFolder();
    await Deno.writeTextFile(folder.join("precious"), "mine");
    await Deno.mkdir(folder.join("storage"));
    await makeLink(folder.join("precious"), folder.join("storage", name));
    await assert.rejects(
      openStorageFolder(folder.join("storage")),
      (error) =>
        error instanceof Fault && error.kind === "state" && /^Symbolic link/.test(error.text),
    );
    assert.equal(await Deno.readTextFile(folder.join("precious")), "mine");
  });
}

Deno.test("openStorageFolder() takes a folder that is a link itself", async () => {
  await using folder = await temporaryFolder();
  await Deno.mkdir(folder.join("disk"), { mode: 0o700 });
  await makeLink(folder.join("disk"), folder.join("storage"));
  assert.equal(await openStorageFolder(folder.join("storage")), undefined);
});

/** By a command, because the runtime makes links only for who may write everywhere. */
async function makeLink(target: string, path: string): Promise<void> {
  assert.ok((await new Deno.Command("ln", { args: ["-s", target, path] }).output()).success);
}
