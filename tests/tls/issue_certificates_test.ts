import "reflect-metadata";
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  type Authority,
  createAuthority,
  issueCertificate,
  type KeyType,
} from "../../src/tls/issue_certificates.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const VALIDITY = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };

/** Runs openssl and returns what it said; fails when it says no. */
async function openssl(...args: readonly string[]): Promise<string> {
  const result = await new Deno.Command("openssl", { args: [...args] }).output();
  const text = new TextDecoder();
  const output = text.decode(result.stdout) + text.decode(result.stderr);
  assert.ok(result.success, `openssl ${args.join(" ")}: ${output}`);
  return output;
}

async function makeAuthority(keyType: KeyType, commonName = "test authority"): Promise<Authority> {
  return await createAuthority({ commonName, keyType, rsaBits: 2048, ...VALIDITY });
}

for (const keyType of ["rsa", "ecdsa"] as const) {
  for (const usage of ["server", "client"] as const) {
    Deno.test(`issueCertificate() makes ${keyType} ${usage} certificates that openssl verifies strictly`, async () => {
      await using folder = await temporaryFolder();
      const authority = await makeAuthority(keyType);
      const issued = await issueCertificate(authority, {
        commonName: "subject",
        organization: "organisation",
        usage,
        dnsNames: usage === "server" ? ["localhost", "fluentd.example.com"] : [],
        ipAddresses: usage === "server" ? ["127.0.0.1", "::1"] : [],
        keyType,
        rsaBits: 2048,
        ...VALIDITY,
      });
      await Deno.writeTextFile(folder.join("ca.crt"), authority.certificatePem);
      await Deno.writeTextFile(folder.join("end.crt"), issued.certificatePem);
      await Deno.writeTextFile(folder.join("end.key"), issued.privateKeyPem);
      const verify = ["verify", "-x509_strict", "-CAfile", folder.join("ca.crt")];
      await openssl(...verify, "-purpose", `ssl${usage}`, folder.join("end.crt"));
      if (usage === "server") {
        for (const name of ["localhost", "fluentd.example.com"]) {
          await openssl(...verify, "-verify_hostname", name, folder.join("end.crt"));
        }
        for (const ip of ["127.0.0.1", "::1"]) {
          await openssl(...verify, "-verify_ip", ip, folder.join("end.crt"));
        }
      }
      await openssl("pkey", "-check", "-noout", "-in", folder.join("end.key"));
      assert.equal(
        await openssl("pkey", "-pubout", "-in", folder.join("end.key")),
        await openssl("x509", "-noout", "-pubkey", "-in", folder.join("end.crt")),
      );
    });
  }
}

Deno.test("issueCertificate() makes certificates that openssl refuses for the other side of a connection", async () => {
  await using folder = await temporaryFolder();
  const authority = await makeAuthority("ecdsa");
  const client = await issueCertificate(authority, {
    commonName: "subject",
    usage: "client",
    keyType: "ecdsa",
    ...VALIDITY,
  });
  await Deno.writeTextFile(folder.join("ca.crt"), authority.certificatePem);
  await Deno.writeTextFile(folder.join("end.crt"), client.certificatePem);
  await assert.rejects(
    openssl(
      ...["verify", "-x509_strict", "-CAfile", folder.join("ca.crt")],
      ...["-purpose", "sslserver", folder.join("end.crt")],
    ),
    /unsuitable certificate purpose/,
  );
});

Deno.test("createAuthority() takes the times that it is given and says that it signs nothing but ends", async () => {
  const notBeforeMs = Date.UTC(2030, 0, 1);
  const notAfterMs = Date.UTC(2051, 11, 31, 23, 59, 59);
  const authority = await createAuthority({
    commonName: "authority",
    keyType: "ecdsa",
    notBeforeMs,
    notAfterMs,
  });
  const read = new X509Certificate(authority.certificatePem);
  assert.equal(Date.parse(read.validFrom), notBeforeMs);
  assert.equal(Date.parse(read.validTo), notAfterMs);
  assert.equal(read.ca, true);
});

Deno.test("issueCertificate() gives each certificate its own serial number and key", async () => {
  const authority = await makeAuthority("ecdsa");
  const options = { commonName: "a", usage: "client", keyType: "ecdsa", ...VALIDITY } as const;
  const first = await issueCertificate(authority, options);
  const second = await issueCertificate(authority, options);
  assert.notEqual(first.privateKeyPem, second.privateKeyPem);
  const serials = [first, second].map((c) => new X509Certificate(c.certificatePem).serialNumber);
  assert.notEqual(serials[0], serials[1]);
  for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
});

Deno.test("issueCertificate() keeps a common name as one value whatever it contains", async () => {
  const authority = await makeAuthority("ecdsa");
  const commonName = 'a, O=admins + CN=root "é" #x';
  const issued = await issueCertificate(authority, {
    commonName,
    usage: "client",
    keyType: "ecdsa",
    ...VALIDITY,
  });
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("end.crt"), issued.certificatePem);
  const subject = await openssl(
    ...["x509", "-noout", "-subject", "-nameopt", "multiline,utf8,-esc_msb"],
    ...["-in", folder.join("end.crt")],
  );
  assert.equal(subject.trim(), `subject=\n    commonName                = ${commonName}`);
});

Deno.test("issueCertificate() refuses a server certificate without any name", async () => {
  const authority = await makeAuthority("ecdsa");
  await assert.rejects(
    issueCertificate(authority, {
      commonName: "nameless",
      usage: "server",
      keyType: "ecdsa",
      ...VALIDITY,
    }),
    RangeError,
  );
});
