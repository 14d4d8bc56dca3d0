/**
 * Runs the rows of cases.jsonc: the program as a process, in a folder with settings and certificates.
 * After every run these hold, whatever the row says: there is no stack trace, no secret in the output,
 * no control character but line ends, and no file more or less than before.
 */
import assert from "node:assert/strict";
import {
  issueTestCertificate,
  teleportCertificates,
  writeFluentdFiles,
  writeTeleportFiles,
} from "../support/certificates.ts";
import { openssl } from "../support/openssl.ts";
import { startProgram } from "../support/program.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** One row. */
interface CliCase {
  readonly name: string;
  readonly args: readonly string[];
  /** The program's environment beyond what a runtime needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Files in the working folder, besides those of `prepareFolder`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly exitCode: number;
  /** Patterns that lines of the output match, in this order. Without any there is no output. */
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
}

/** Stands in rows for whatever must not be shown. */
const SECRET = "SECRET-MARKER";

const CASES: readonly CliCase[] = JSON.parse(
  (await Deno.readTextFile(new URL("cases.jsonc", import.meta.url))).replaceAll(
    /^\s*\/\/.*$/gm,
    "",
  ),
);

for (const row of CASES) {
  Deno.test(`teleport-event-handler: ${row.name}`, async () => {
    await using folder = await temporaryFolder();
    await prepareFolder(folder.path);
    for (const [name, text] of Object.entries(row.files ?? {})) {
      const path = folder.join(name);
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(path, text);
    }
    const before = await readTree(folder.path);
    await using program = startProgram({
      args: row.args,
      cwd: folder.path,
      ...(row.env === undefined ? {} : { env: row.env }),
    });
    const { code } = await program.waitForExit();
    const { stdout, stderr } = program;
    const output = [...stdout, ...stderr].join("\n");
    assert.equal(code, row.exitCode, output);
    assertLines(stdout, row.stdout ?? []);
    assertLines(stderr, row.stderr ?? []);
    assert.doesNotMatch(output, /^\s+at .*:\d+:\d+|Unexpected error/m);
    assert.doesNotMatch(output, /(?!\n)\p{Cc}/u);
    assertNoSecret(output, before);
    assert.deepEqual(await readTree(folder.path), before);
  });
}

function assertLines(lines: readonly string[], patterns: readonly string[]): void {
  const text = lines.join("\n");
  if (patterns.length === 0) return assert.equal(text, "");
  let from = 0;
  for (const pattern of patterns) {
    const at = lines.findIndex((line, i) => i >= from && new RegExp(pattern).test(line));
    assert.notEqual(at, -1, `no line like ${pattern} from line ${from} on:\n${text}`);
    from = at;
  }
}

/** No line of a private key, nor the marker, may be shown. */
function assertNoSecret(output: string, files: Readonly<Record<string, string>>): void {
  assert.ok(!output.includes(SECRET), output);
  for (const text of Object.values(files)) {
    const [, body] = /-----BEGIN [A-Z ]*PRIVATE KEY-----\n([^-]*)/.exec(text) ?? [];
    for (const line of body?.split("\n") ?? []) {
      assert.ok(line.length < 20 || !output.includes(line), "shows a private key");
    }
  }
}

/** Settings that are sound but for what their name says, and the files that they name. */
async function prepareFolder(folder: string): Promise<void> {
  await writeTeleportFiles(folder);
  await writeFluentdFiles(folder);
  await openssl(
    ...["pkcs8", "-topk8", "-in", `${folder}/fluentd-client.key`, "-passout", "pass:right"],
    ...["-out", `${folder}/encrypted.key`],
  );
  const write = (name: string, identity: string, key: string) =>
    Deno.writeTextFile(
      `${folder}/${name}`,
      `storage = "storage"
start-time = "2026-01-01T00:00:00Z"
exit-on-last-event = true

[teleport]
addr = "127.0.0.1:1"
identity = "${identity}"

[fluentd]
url = "https://localhost:1/test.log"
session-url = "https://localhost:1/session"
ca = "fluentd-ca.crt"
cert = "fluentd-client.crt"
key = "${key}"
`,
    );
  await write("good.toml", "identity", "fluentd-client.key");
  await write("expired.toml", "identity-expired", "fluentd-client.key");
  await write("encrypted.toml", "identity", "encrypted.key");
}

/** All files below a folder, by their path; the content of a lock is its owner's. */
async function readTree(folder: string, prefix = ""): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for await (const entry of Deno.readDir(`${folder}/${prefix}`)) {
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory) {
      Object.assign(tree, { [`${name}/`]: "" }, await readTree(folder, `${name}/`));
    } else tree[name] = entry.name === "lock" ? "" : await Deno.readTextFile(`${folder}/${name}`);
  }
  return tree;
}

Deno.test("teleport-event-handler: an identity with a certificate of a strange name does not steer the terminal", async () => {
  await using folder = await temporaryFolder();
  await prepareFolder(folder.path);
  const { userAuthority } = await teleportCertificates();
  const pair = await issueTestCertificate(userAuthority, {
    commonName: "a\x1b[2Jb",
    usage: "client",
  });
  await Deno.writeTextFile(folder.join("identity"), pair.privateKeyPem + pair.certificatePem);
  await using program = startProgram({
    args: ["start", "--config", "good.toml"],
    cwd: folder.path,
  });
  assert.equal((await program.waitForExit()).code, 78);
  assert.doesNotMatch(program.stderr.join("\n"), /(?!\n)\p{Cc}/u);
});
