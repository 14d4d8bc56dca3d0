import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import type { KeyType } from "../../src/tls/issue_certificates.ts";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { runSetup, setupOptions } from "./setup_options.ts";

const KEYS: readonly { readonly keyType: KeyType; readonly rsaBits: number }[] = [
  { keyType: "rsa", rsaBits: 2048 },
  { keyType: "rsa", rsaBits: 4096 },
  { keyType: "ecdsa", rsaBits: 0 },
];

for (const { keyType, rsaBits } of KEYS) {
  const kind = keyType === "rsa" ? `RSA-${rsaBits}` : "ECDSA";
  Deno.test(`configure() makes ${kind} certificates and an encrypted server key that openssl takes`, async () => {
    await using folder = await temporaryFolder();
    const passphrase = `q"uo\\te #{1+1} ü`;
    await runSetup(setupOptions(folder.path, { keyType, rsaBits }), { passphrase });
    const verify = ["verify", "-x509_strict", "-CAfile", folder.join("ca.crt"), "-purpose"];
    await openssl(
      ...[...verify, "sslserver", "-verify_hostname", "localhost", folder.join("server.crt")],
    );
    await openssl(...verify, "sslserver", "-verify_ip", "::1", folder.join("server.crt"));
    await openssl(...verify, "sslclient", folder.join("client.crt"));
    for (const [name, pass] of [["ca", ""], ["server", passphrase], ["client", ""]] as const) {
      const key = folder.join(`${name}.key`);
      assert.equal(
        await openssl("pkey", "-in", key, "-passin", `pass:${pass}`, "-pubout"),
        await openssl("x509", "-in", folder.join(`${name}.crt`), "-noout", "-pubkey"),
      );
    }
    await assert.rejects(
      openssl("pkey", "-in", folder.join("server.key"), "-passin", "pass:wrong", "-noout"),
    );
    const structure = await openssl("asn1parse", "-in", folder.join("server.key"));
    assert.match(structure, /PBES2[^]*PBKDF2[^]*INTEGER +:0927C0[^]*hmacWithSHA256[^]*aes-256-cbc/);
  });
}

Deno.test("configure() makes certificates of different subjects, good from five minutes ago on", async () => {
  await using folder = await temporaryFolder();
  const before = Date.now();
  const report = await runSetup(setupOptions(folder.path, { ttlMs: 3_600_000 }));
  const after = Date.now();
  const read = await Promise.all(
    ["ca", "server", "client"].map(async (name) =>
      new X509Certificate(await Deno.readTextFile(folder.join(`${name}.crt`)))
    ),
  );
  assert.equal(new Set(read.map(({ subject }) => subject)).size, 3);
  for (const certificate of read) {
    const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
    assert.ok(from <= after - 300_000 && from >= before - 301_000, certificate.validFrom);
    assert.ok(to >= before + 3_600_000 && to <= after + 3_601_000, certificate.validTo);
  }
  assert.deepEqual(report.certificates.map(({ file }) => file), [
    "ca.crt",
    "server.crt",
    "client.crt",
  ]);
});

Deno.test("configure() makes a server certificate for the names and addresses given and no others", async () => {
  await using folder = await temporaryFolder();
  const names = { ca: "my-ca", server: "fluentd.example.com", client: "handler_1" };
  await runSetup(setupOptions(folder.path, {
    dnsNames: ["fluentd.example.com", "*.logs.example.com"],
    ipAddresses: ["192.0.2.7", "2001:db8::7"],
    names,
  }));
  const certificate = new X509Certificate(
    await Deno.readTextFile(folder.join(`${names.server}.crt`)),
  );
  assert.equal(
    certificate.subjectAltName,
    "DNS:fluentd.example.com, DNS:*.logs.example.com, IP Address:192.0.2.7, IP Address:2001:db8::7",
  );
  const conf = await Deno.readTextFile(folder.join("fluent.conf"));
  assert.match(conf, /ca_path \/keys\/my-ca\.crt\n +cert_path \/keys\/fluentd\.example\.com\.crt/);
  const toml = await Deno.readTextFile(folder.join("teleport-event-handler.toml"));
  assert.match(toml, /\nurl = "https:\/\/fluentd\.example\.com:8888\/events\.log"\n/);
});

Deno.test("configure() makes up a passphrase of 32 random bytes where none is given", async () => {
  await using folder = await temporaryFolder();
  const report = await runSetup(setupOptions(folder.path));
  assert.equal(report.passphrase, "generated");
  const conf = await Deno.readTextFile(folder.join("fluent.conf"));
  const passphrase = /private_key_passphrase "([0-9a-f]{64})"/.exec(conf)?.[1] ?? "";
  await openssl(
    "pkey",
    "-in",
    folder.join("server.key"),
    "-passin",
    `pass:${passphrase}`,
    "-noout",
  );
});

Deno.test("configure() leaves the server key and fluent.conf without a passphrase when told so", async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path, { encryptServerKey: false }), { passphrase: "unasked" });
  assert.match(await Deno.readTextFile(folder.join("server.key")), /^-----BEGIN PRIVATE KEY-----/);
  assert.doesNotMatch(await Deno.readTextFile(folder.join("fluent.conf")), /passphrase/);
});

Deno.test("configure() lets nobody but the owner read keys and files with a passphrase", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await temporaryFolder();
  await runSetup(setupOptions(folder.path, { destinations: ["panther"] }));
  const umask = 0o777 & ~Deno.umask();
  for await (const { name } of Deno.readDir(folder.path)) {
    const secret = /\.(key|conf|toml)$/.test(name);
    const mode = (await Deno.stat(folder.join(name))).mode! & 0o777;
    assert.equal(mode.toString(8), ((secret ? 0o600 : 0o644) & umask).toString(8), name);
  }
});
