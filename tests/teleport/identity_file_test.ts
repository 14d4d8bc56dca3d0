import assert from "node:assert/strict";
import fc from "fast-check";
import { parseIdentityFile } from "../../src/teleport/identity_file.ts";
import { formatIdentity, teleportCertificates } from "../support/certificates.ts";

const SSH_CERTIFICATE = "ssh-rsa-cert-v01@openssh.com AAAAHHNzaC1yc2EtY2VydC12MDFAb3BlbnNzaC5jb20=";
const SSH_AUTHORITY =
  "@cert-authority teleport.example.com,*.teleport.example.com ssh-rsa AAAAB3NzaC1yc2E= clustername=x&type=host";

function block(label: string, body = "AAAA"): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

Deno.test("parseIdentityFile() reads what tctl auth sign writes", async () => {
  const { client, hostAuthority, userAuthority } = await teleportCertificates();
  const text = formatIdentity({
    ...client,
    sshCertificate: SSH_CERTIFICATE,
    authorityPems: [hostAuthority.certificatePem, userAuthority.certificatePem],
  }) + `${SSH_AUTHORITY}\n`;
  const expected = {
    key: client.privateKeyPem,
    certificate: client.certificatePem,
    authorities: [hostAuthority.certificatePem, userAuthority.certificatePem],
  };
  assert.deepEqual(parseIdentityFile(text), expected);
  assert.deepEqual(parseIdentityFile(text.replaceAll("\n", "\r\n")), expected);
});

for (const label of ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]) {
  Deno.test(`parseIdentityFile() takes a first block of '${label}' for the key`, () => {
    const text = block(label, "KKKK") + block("CERTIFICATE", "CCCC") + block("CERTIFICATE", "AAAA");
    assert.equal(parseIdentityFile(text).key, block(label, "KKKK"));
  });
}

Deno.test("parseIdentityFile() goes by position: the second certificate is an authority, whatever it holds", () => {
  const text = block("PRIVATE KEY") + block("CERTIFICATE", "1111") + block("CERTIFICATE", "1111") +
    block("TRUSTED CERTIFICATE", "2222");
  assert.deepEqual(parseIdentityFile(text).authorities, [
    block("CERTIFICATE", "1111"),
    block("TRUSTED CERTIFICATE", "2222"),
  ]);
});

const REFUSED: readonly [string, string, string][] = [
  ["nothing", "", "No PEM block found"],
  ["only SSH lines", `${SSH_CERTIFICATE}\n${SSH_AUTHORITY}\n`, "No PEM block found"],
  ["JSON", '{"kind":"identity"}', "No PEM block found"],
  [
    "the certificate before the key",
    block("CERTIFICATE") + block("PRIVATE KEY") + block("CERTIFICATE"),
    "First PEM block is 'CERTIFICATE', not a private key",
  ],
  ["a key alone", block("PRIVATE KEY"), "No TLS certificate found after the private key"],
  [
    "two keys",
    block("PRIVATE KEY") + block("PRIVATE KEY") + block("CERTIFICATE"),
    "No TLS certificate found after the private key",
  ],
  [
    "key and certificate without an authority",
    block("PRIVATE KEY") + block("CERTIFICATE") + SSH_AUTHORITY,
    "No certificate authority of the cluster found",
  ],
  [
    "half a file",
    block("PRIVATE KEY") + block("CERTIFICATE").slice(0, 40),
    "PEM block 'CERTIFICATE' does not end",
  ],
];

for (const [what, text, message] of REFUSED) {
  Deno.test(`parseIdentityFile() refuses a file of ${what}`, () => {
    assert.throws(() => parseIdentityFile(text), (error: Error) => {
      assert.ok(error instanceof SyntaxError);
      assert.equal(error.message, message);
      return true;
    });
  });
}

Deno.test("parseIdentityFile() takes an identity that is cut anywhere for incomplete, or for one with fewer authorities", async () => {
  const { client, hostAuthority, userAuthority } = await teleportCertificates();
  const authorityPems = [hostAuthority.certificatePem, userAuthority.certificatePem];
  const text = formatIdentity({ ...client, sshCertificate: SSH_CERTIFICATE, authorityPems });
  for (let length = 0; length < text.length; length++) {
    try {
      const read = parseIdentityFile(text.slice(0, length));
      assert.deepEqual([read.key, read.certificate], [client.privateKeyPem, client.certificatePem]);
      assert.deepEqual(read.authorities, authorityPems.slice(0, read.authorities.length));
    } catch (error) {
      assert.ok(error instanceof SyntaxError, `${error}`);
    }
  }
});

Deno.test("parseIdentityFile() reads a huge file in a moment", () => {
  const text = block("PRIVATE KEY") + block("CERTIFICATE") +
    block("CERTIFICATE", "A".repeat(60) + "\n").repeat(20_000) + "x".repeat(10_000_000);
  const startMs = performance.now();
  assert.equal(parseIdentityFile(text).authorities.length, 20_000);
  assert.ok(performance.now() - startMs < 5000);
});

Deno.test("parseIdentityFile() throws nothing but SyntaxError, and never shows a key", () => {
  const part = fc.oneof(
    fc.constantFrom("PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE", "X")
      .map((label) => block(label, "SECRET")),
    fc.constantFrom("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", "\r\n"),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      try {
        const read = parseIdentityFile(parts.join(""));
        assert.match(read.key, /PRIVATE KEY/);
        assert.ok(read.authorities.length > 0);
      } catch (error) {
        assert.ok(error instanceof SyntaxError, `${error}`);
        assert.doesNotMatch(error.message, /SECRET/);
      }
    }),
    { numRuns: 500 },
  );
});
