import assert from "node:assert/strict";
import { systemFiles } from "../../src/config/config_files.ts";
import { readStorageToken } from "../../src/config/storage_token.ts";
import { Fault } from "../../src/core/fault.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

function read(text: string): Promise<string> {
  const files = { isRegular: () => Promise.resolve(true), readText: () => Promise.resolve(text) };
  return readStorageToken({ storageToken: undefined, storageTokenFile: "the-file" }, files);
}

for (const text of ["token", "token\n", "token\r\n"]) {
  Deno.test(`readStorageToken() takes ${JSON.stringify(text)} from the file`, async () => {
    assert.equal(await read(text), "token");
  });
}

for (
  const [what, text] of [
    ["an empty file", ""],
    ["a file with nothing but a line end", "\n"],
    ["two lines", "hunter2\nhunter2"],
    ["a blank", "hunter2 hunter2"],
    ["what no header can hold", "hunter2\u{fc}"],
  ] as const
) {
  Deno.test(`readStorageToken() refuses ${what}, and does not show it`, async () => {
    await assert.rejects(
      read(text),
      (error) =>
        error instanceof Fault && error.kind === "config" &&
        /^The token file 'the-file' (is empty|holds what no token can)/.test(error.message) &&
        !error.text.includes("hunter2"),
    );
  });
}

Deno.test("readStorageToken() says which file it cannot read, and takes the environment's token without one", async () => {
  const fail = () => Promise.reject(new Error("no such file"));
  const files = { isRegular: fail, readText: fail };
  const settings = { storageToken: undefined, storageTokenFile: "the-file" };
  await assert.rejects(
    readStorageToken(settings, files),
    /The token file 'the-file' cannot be rea/,
  );
  const given = { storageToken: "from-the-environment", storageTokenFile: undefined };
  assert.equal(await readStorageToken(given, files), "from-the-environment");
});

Deno.test("readStorageToken() opens no pipe, which would stop the program until somebody writes", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("token");
  const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
  assert.ok(success);
  const files = {
    isRegular: systemFiles.isRegular,
    readText: () => assert.fail("The pipe was opened"),
  };
  const settings = { storageToken: undefined, storageTokenFile: path };
  await assert.rejects(readStorageToken(settings, files), /token' is no regular file$/);
  await Deno.remove(path);
  await Deno.writeTextFile(path, "token\n");
  assert.equal(await readStorageToken(settings, systemFiles), "token");
});
