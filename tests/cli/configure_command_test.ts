import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { runConfigureProgram } from "../setup/run_configure.ts";

const QUICK = ["--key-type", "ecdsa"];

Deno.test("configure prints numbered lines as the official handler, and the commands that come next", async () => {
  await using folder = await temporaryFolder();
  const run = await runConfigureProgram(
    [".", "teleport.example.com:443", ...QUICK, "--for", "panther"],
    { cwd: folder.path },
  );
  assert.equal(run.code, 0, run.stderr);
  assert.equal(run.stderr, "");
  const lines = run.stdout.split("\n");
  assert.match(lines[0]!, /^Teleport event handler v\d/);
  assert.deepEqual(lines.filter((line) => line.startsWith("[")), [
    "[1] Generated mTLS Fluentd certificates ca.crt, ca.key, server.crt, server.key, client.crt, client.key",
    "[2] Generated sample teleport-event-handler role and user file teleport-event-handler-role.yaml",
    "[3] Generated sample fluentd configuration file fluent.conf",
    "[4] Generated plugin configuration file teleport-event-handler.toml",
    "[5] Generated plugin Helm values file teleport-plugin-event-handler-values.yaml",
    "[6] Generated fluentd configuration file for Panther fluent-panther.conf",
    "[7] Generated Dockerfile of fluentd for Panther Dockerfile.panther",
    "[8] Generated guide to the next steps NEXT-STEPS.md",
  ]);
  for (
    const command of [
      "tsh login --proxy=teleport.example.com:443",
      "tctl create -f teleport-event-handler-role.yaml",
      "tctl auth sign --format=file --user=teleport-event-handler --out=identity --ttl=8760h",
      "teleport-event-handler start --config teleport-event-handler.toml",
    ]
  ) {
    assert.ok(lines.includes(`  ${command}`), command);
    assert.ok((await Deno.readTextFile(folder.join("NEXT-STEPS.md"))).includes(`\n${command}\n`));
  }
  const conf = await Deno.readTextFile(folder.join("fluent.conf"));
  const passphrase = /private_key_passphrase "(.*)"/.exec(conf)![1]!;
  assert.ok(!run.stdout.includes(passphrase), "The passphrase was printed");
});

Deno.test("configure --json prints what was written with its dates and without a secret", async () => {
  await using folder = await temporaryFolder();
  const run = await runConfigureProgram(["out", ...QUICK, "--json", "--ttl", "24h"], {
    cwd: folder.path,
    stdin: "correct horse",
  });
  assert.equal(run.code, 0, run.stderr);
  assert.ok(!run.stdout.includes("correct horse"));
  const report = JSON.parse(run.stdout);
  assert.equal(report.passphrase, "given");
  assert.equal(report.madeFolder, true);
  assert.deepEqual(report.kept, []);
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder.join("out"))) names.push(`out/${name}`);
  assert.deepEqual(report.written.toSorted(), names.sort());
  for (const { file, notAfter, notBefore } of report.certificates) {
    const certificate = new X509Certificate(await Deno.readTextFile(folder.join(file)));
    // Certificates count whole seconds; the end is rounded up.
    const endMs = Date.parse(certificate.validTo);
    assert.ok(endMs - Date.parse(notAfter) <= 1000 && endMs >= Date.parse(notAfter));
    assert.equal(Date.parse(notAfter) - Date.parse(notBefore), 24 * 3_600_000 + 300_000);
  }
});

for (const end of ["", "\n", "\r\n"]) {
  Deno.test(`configure takes a passphrase from standard input without ${JSON.stringify(end)} after it`, async () => {
    await using folder = await temporaryFolder();
    const run = await runConfigureProgram([".", ...QUICK], {
      cwd: folder.path,
      stdin: ` pass wörd ${end}`,
    });
    assert.equal(run.code, 0, run.stderr);
    const key = folder.join("server.key");
    await openssl("pkey", "-in", key, "-passin", "pass: pass wörd ", "-noout");
  });
}

const REFUSED_INPUT: readonly (readonly [string, string | Uint8Array<ArrayBuffer>, RegExp])[] = [
  ["two lines", "one\ntwo\n", /it has more than one line, or holds a control character/],
  ["three characters", "abc\n", /it is shorter than 4 characters/],
  ["five thousand characters", "x".repeat(5000), /it is longer than 4096 bytes/],
  ["bytes that are no UTF-8", new Uint8Array([0xff, 0xfe, 0x61, 0x62, 0x63]), /it is not UTF-8/],
];
for (const [what, stdin, message] of REFUSED_INPUT) {
  Deno.test(`configure refuses ${what} as a passphrase and writes nothing`, async () => {
    await using folder = await temporaryFolder();
    const run = await runConfigureProgram(["out", ...QUICK], { cwd: folder.path, stdin });
    assert.equal(run.code, 2);
    assert.match(run.stderr, message);
    await assert.rejects(Deno.stat(folder.join("out")), Deno.errors.NotFound);
  });
}

Deno.test("configure ends with 1 and names the files where it may not overwrite", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("ca.key"), "mine");
  const run = await runConfigureProgram([".", ...QUICK], { cwd: folder.path });
  assert.equal(run.code, 1);
  assert.equal(
    run.stderr,
    "teleport-event-handler: Cannot overwrite ca.key. Nothing was changed. " +
      "Give --force to replace all of it, or another folder\n",
  );
});

Deno.test("configure ends with 1 and says why in a folder that cannot be written", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await temporaryFolder();
  // Modes do not bind the administrator: a folder of the system that takes no files does.
  const out = Deno.uid() === 0 ? "/proc/self/fd" : folder.join("readonly");
  if (Deno.uid() !== 0) await Deno.mkdir(out, { mode: 0o500 });
  const run = await runConfigureProgram([out, ...QUICK], { cwd: folder.path });
  assert.equal(run.code, 1);
  assert.match(run.stderr, /^teleport-event-handler: Cannot write [^]*\. Nothing was changed\. /);
  assert.equal(run.stdout, "");
});

Deno.test("configure --help names every argument and flag within 100 columns", async () => {
  await using folder = await temporaryFolder();
  const run = await runConfigureProgram(["--help"], { cwd: folder.path });
  assert.equal(run.code, 0);
  for (
    const word of [
      ...["OUT [ADDR [CA-NAME [SERVER-NAME [CLIENT-NAME]]]]", "--ttl", "--dns-names", "--ip"],
      ...["--length", "--key-type", "--for", "--force", "--no-encrypt-server-key", "--json"],
      ...["--auto-lock", "--classic-fluent-conf", "panther", "splunk", "elastic", "datadog", "s3"],
    ]
  ) assert.ok(run.stdout.includes(word), word);
  for (const line of run.stdout.split("\n")) assert.ok(line.length <= 100, line);
});
