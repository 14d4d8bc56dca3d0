import assert from "node:assert/strict";
import { systemFiles } from "../../src/config/config_files.ts";
import { readFluentdKeyPassphrase } from "../../src/config/passphrase.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { FakeConfigFiles } from "./fake_config_files.ts";

Deno.test("systemFiles.inspect() tells files, directories and what is missing", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("file"), "text");
  assert.equal(await systemFiles.inspect(folder.join("file")), "file");
  assert.equal(await systemFiles.inspect(folder.path), "directory");
  assert.equal(await systemFiles.inspect(folder.join("none")), "missing");
  assert.equal(await systemFiles.inspect(folder.join("file", "below")), "missing");
  assert.equal(await systemFiles.readText(folder.join("file")), "text");
});

Deno.test("systemFiles.inspect() tells whether a file may be opened", async () => {
  await using folder = await temporaryFolder();
  const path = folder.join("file");
  await Deno.writeTextFile(path, "text", { mode: 0o000 });
  // The superuser may open everything.
  const readable = await systemFiles.readText(path).then(() => true, () => false);
  assert.equal(await systemFiles.inspect(path), readable ? "file" : "unreadable");
});

Deno.test("systemFiles.inspect() never throws", async () => {
  assert.equal(await systemFiles.inspect("a\0b"), "unreadable");
});

const PASSPHRASES: readonly (readonly [content: string, passphrase: string])[] = [
  ["secret", "secret"],
  ["secret\n", "secret"],
  ["secret\r\n", "secret"],
  [" secret \n\n", " secret \n"],
];

for (const [content, passphrase] of PASSPHRASES) {
  Deno.test(`readFluentdKeyPassphrase() reads ${JSON.stringify(content)}`, async () => {
    const files = new FakeConfigFiles({ file: content });
    const config = { fluentdKeyPassphrase: undefined, fluentdKeyPassphraseFile: "file" };
    assert.equal(await readFluentdKeyPassphrase(config, files), passphrase);
  });
}

Deno.test("readFluentdKeyPassphrase() returns the setting's own value", async () => {
  const config = { fluentdKeyPassphrase: "secret", fluentdKeyPassphraseFile: undefined };
  assert.equal(await readFluentdKeyPassphrase(config, new FakeConfigFiles({})), "secret");
});

Deno.test("readFluentdKeyPassphrase() throws a config fault for an empty or missing file", async () => {
  const files = new FakeConfigFiles({ empty: "\n" });
  for (const [path, problem] of [["empty", "is empty"], ["gone", "cannot be read"]] as const) {
    const config = { fluentdKeyPassphrase: undefined, fluentdKeyPassphraseFile: path };
    await assert.rejects(readFluentdKeyPassphrase(config, files), {
      name: "Fault",
      kind: "config",
      message: `The passphrase file ${path} ${problem}`,
    });
  }
});
