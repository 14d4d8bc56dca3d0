import assert from "node:assert/strict";
import { type SetupDisk, systemDisk } from "../../src/setup/file_set.ts";
import { isKeyOfCertificate } from "../../src/tls/certificate.ts";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { readFolder, runSetup, setupOptions } from "./setup_options.ts";

const CERTIFICATES = ["ca.crt", "ca.key", "server.crt", "server.key", "client.crt", "client.key"];

Deno.test("configure() replaces nothing where nobody can be asked, and names what is in the way", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("fluent.conf"), "mine");
  await assert.rejects(runSetup(setupOptions(folder.path)), {
    name: "Fault",
    kind: "state",
    message: `Cannot overwrite ${folder.join("fluent.conf")}. Nothing was changed`,
    hint: "Give --force to replace all of it, or another folder",
  });
  assert.deepEqual(await readFolder(folder.path), { "fluent.conf": "mine" });
});

Deno.test("configure() replaces everything with force, and leaves nothing else behind", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path));
  const before = await readFolder(folder.path);
  await runSetup(setupOptions(folder.path), { force: true });
  const after = await readFolder(folder.path);
  assert.deepEqual(Object.keys(after).sort(), Object.keys(before).sort());
  for (const name of CERTIFICATES) assert.notEqual(after[name], before[name], name);
});

Deno.test("configure() asks about the certificates as one and about each other file", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path));
  const before = await readFolder(folder.path);
  const questions: string[] = [];
  const answers = [false, true, false, true, false, true];
  const report = await runSetup(setupOptions(folder.path, { address: "other:3025" }), {
    answers,
    questions,
  });
  const after = await readFolder(folder.path);
  assert.equal(
    questions[0],
    `Do you want to overwrite ${CERTIFICATES.map((name) => folder.join(name)).join(", ")}`,
  );
  assert.equal(
    questions[1],
    `Do you want to overwrite ${folder.join("teleport-event-handler-role.yaml")}`,
  );
  assert.equal(questions.length, answers.length);
  assert.deepEqual(report.groups.map(({ written }) => written), answers);
  for (const name of CERTIFICATES) assert.equal(after[name], before[name]);
  assert.match(after["teleport-event-handler.toml"]!, /other:3025/);
});

Deno.test("configure() makes the whole set anew when the answer is yes", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path));
  await Deno.remove(folder.join("client.crt"));
  await runSetup(setupOptions(folder.path), { answers: [true, false, true, false, false, false] });
  const files = await readFolder(folder.path);
  assert.ok(isKeyOfCertificate(files["client.key"]!, files["client.crt"]!));
  const verify = ["verify", "-x509_strict", "-CAfile", folder.join("ca.crt")];
  await openssl(...verify, folder.join("server.crt"), folder.join("client.crt"));
});

Deno.test("configure() writes nothing when every answer is no", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path));
  const before = await readFolder(folder.path);
  const report = await runSetup(setupOptions(folder.path), {
    answers: [false, false, false, false, false, false],
  });
  assert.ok(report.groups.every(({ written }) => !written));
  assert.deepEqual(await readFolder(folder.path), before);
});

Deno.test("configure() writes the passphrase of a kept key into a new fluent.conf", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path), { passphrase: `a"b\\c #{exit}` });
  const before = await readFolder(folder.path);
  const report = await runSetup(setupOptions(folder.path, { destinations: ["s3"] }), {
    answers: [false, false, true, false, false, false],
  });
  assert.equal(report.passphrase, "kept");
  const after = await readFolder(folder.path);
  const line = /private_key_passphrase .*/;
  const expected = line.exec(before["fluent.conf"]!)?.[0];
  assert.equal(line.exec(after["fluent.conf"]!)?.[0], expected);
  assert.equal(line.exec(after["fluent-s3.conf"]!)?.[0], expected);
});

Deno.test("configure() marks the passphrase of a kept key that it cannot know", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path));
  await Deno.remove(folder.join("fluent.conf"));
  const report = await runSetup(setupOptions(folder.path), {
    answers: [false, false, false, false, false],
  });
  assert.equal(report.passphrase, "unknown");
  const conf = await Deno.readTextFile(folder.join("fluent.conf"));
  assert.match(conf, /private_key_passphrase "REPLACE_passphrase_of_the_server_key"/);
});

Deno.test("configure() makes the folder, and the one around it, where they are missing", async () => {
  await using folder = await temporaryFolder();
  const report = await runSetup(setupOptions(folder.join("a", "b")));
  assert.equal(report.madeFolder, true);
  assert.ok((await Deno.stat(folder.join("a", "b", "ca.crt"))).isFile);
});

Deno.test("configure() says what is wrong when the folder is a file or a name is a folder", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("file"), "");
  await assert.rejects(runSetup(setupOptions(folder.join("file", "below"))), {
    kind: "usage",
    message: `Cannot write to ${folder.join("file", "below")}: ${
      folder.join("file")
    } is not a folder`,
  });
  await Deno.mkdir(folder.join("client.key"));
  await assert.rejects(runSetup(setupOptions(folder.path), { force: true }), {
    message: `Cannot write ${folder.join("client.key")}: it is a folder`,
  });
  assert.deepEqual(Object.keys(await readFolder(folder.path)).sort(), ["client.key", "file"]);
});

for (const before of ["an empty folder", "an earlier set", "a missing folder"] as const) {
  Deno.test(`configure() leaves ${before} as it was at whichever step the disk fails`, async () => {
    await using parent = await temporaryFolder();
    const folder = parent.join("out", "inner");
    if (before !== "a missing folder") await Deno.mkdir(folder, { recursive: true });
    // To encrypt a key takes half a second each time.
    const options = setupOptions(folder, { encryptServerKey: false });
    if (before === "an earlier set") await runSetup(options);
    const expected = before === "a missing folder" ? undefined : await readFolder(folder);
    let step = 0;
    for (let done = false; !done; step++) {
      const disk = failingDisk(step);
      const failure = await runSetup(options, { force: true, disk })
        .then(() => undefined, (error) => error);
      if (failure === undefined) {
        done = true;
        continue;
      }
      assert.match(failure.message, /: no space is left on the disk\. Nothing was changed$/);
      if (expected === undefined) assert.deepEqual(await readFolder(parent.path), {}, `${step}`);
      else assert.deepEqual(await readFolder(folder), expected, `step ${step}`);
    }
    // At least one write and one rename for each of the eleven files.
    assert.ok(step > 22, `${step}`);
  });
}

/** The disk of the machine, which is full at one step and half a file is written then. */
function failingDisk(failAt: number): SetupDisk {
  let step = 0;
  const full = () => {
    if (step++ === failAt) {
      throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
    }
  };
  return {
    ...systemDisk,
    makeFolder(path) {
      full();
      systemDisk.makeFolder(path);
    },
    writeNew(path, text, mode) {
      systemDisk.writeNew(path, text.slice(0, 10), mode);
      full();
      Deno.writeTextFileSync(path, text);
    },
    link(from, to) {
      full();
      systemDisk.link(from, to);
    },
    rename(from, to) {
      // What undoes must work: only the way forward is blocked.
      if (from.endsWith(".new")) full();
      systemDisk.rename(from, to);
    },
  };
}
