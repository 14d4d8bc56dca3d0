import assert from "node:assert/strict";
import fc from "fast-check";
import { isKeyOfCertificate, readCertificates } from "../../src/tls/certificate.ts";
import { fluentdCertificates, issueTestCertificate } from "../support/certificates.ts";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("readCertificates() reads name and times of each certificate in order", async () => {
  const { authority } = await fluentdCertificates();
  const [notBeforeMs, notAfterMs] = [Date.UTC(2026, 0, 1), Date.UTC(2051, 5, 1, 2, 3, 4)];
  const { certificatePem } = await issueTestCertificate(authority, {
    commonName: "a, b",
    organization: "o",
    usage: "client",
    notBeforeMs,
    notAfterMs,
  });
  const [first, second] = readCertificates(`text\n${certificatePem}${authority.certificatePem}`);
  assert.deepEqual({ ...first!, name: "" }, { name: "", notBeforeMs, notAfterMs });
  assert.match(first!.name, /a, ?b|a\\, b/);
  assert.equal(second!.name, "receiver authority");
});

Deno.test("readCertificates() gives the whole subject where there is no common name", async () => {
  await using folder = await temporaryFolder();
  await openssl(
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-subj", "/O=Example/OU=Logs", "-keyout", folder.join("key"), "-out", folder.join("crt")],
  );
  const [certificate] = readCertificates(await Deno.readTextFile(folder.join("crt")));
  assert.equal(certificate!.name, "O=Example, OU=Logs");
});

for (
  const text of [
    "",
    "text",
    "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
  ]
) {
  Deno.test(`readCertificates() finds no certificate in ${JSON.stringify(text.slice(0, 20))}`, () => {
    assert.throws(() => readCertificates(text), {
      name: "SyntaxError",
      message: "No certificate found",
    });
  });
}

Deno.test("readCertificates() takes a certificate without any subject", async () => {
  await using folder = await temporaryFolder();
  await openssl(
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-subj", "/", "-keyout", folder.join("key"), "-out", folder.join("crt")],
  );
  const [certificate] = readCertificates(await Deno.readTextFile(folder.join("crt")));
  assert.equal(certificate!.name, "");
});

Deno.test("readCertificates() throws nothing but SyntaxError whatever is in a block", () => {
  const body = fc.oneof(fc.base64String(), fc.string({ unit: "binary" }));
  fc.assert(fc.property(body, (body) => {
    const pem = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    assert.throws(() => readCertificates(pem), SyntaxError);
    assert.throws(() => isKeyOfCertificate(pem, pem), SyntaxError);
  }));
});

Deno.test("readCertificates() throws nothing but SyntaxError for certificates with damaged bytes", async () => {
  const { client } = await fluentdCertificates();
  const base64 = client.certificatePem.replaceAll(/-----.*-----|\n/g, "");
  const der = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
      const damaged = der.slice();
      damaged[at] = value;
      const pem = `-----BEGIN CERTIFICATE-----\n${
        btoa(String.fromCharCode(...damaged))
      }\n-----END CERTIFICATE-----\n`;
      try {
        const [certificate] = readCertificates(pem);
        assert.equal(typeof certificate!.name, "string");
        isKeyOfCertificate(client.privateKeyPem, pem);
      } catch (error) {
        assert.ok(error instanceof SyntaxError, `${error}`);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("isKeyOfCertificate() knows the key of the first certificate, not of another", async () => {
  const { authority, client, server } = await fluentdCertificates();
  const chain = client.certificatePem + authority.certificatePem;
  assert.equal(isKeyOfCertificate(client.privateKeyPem, chain), true);
  assert.equal(isKeyOfCertificate(server.privateKeyPem, chain), false);
  assert.equal(isKeyOfCertificate(authority.privateKeyPem, chain), false);
});
