import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { readReceiverTls } from "../../src/fluentd/credentials.ts";
import { readTeleportCredentials } from "../../src/teleport/credentials.ts";
import { parseIdentityFile } from "../../src/teleport/identity_file.ts";
import { isKeyOfCertificate, readCertificates } from "../../src/tls/certificate.ts";
import { encryptPrivateKey } from "../../src/tls/encrypt_private_key.ts";
import { parsePemBlocks } from "../../src/tls/pem.ts";
import { decryptPrivateKey, PrivateKeyError } from "../../src/tls/private_key.ts";
import {
  fluentdCertificates,
  formatIdentity,
  teleportCertificates,
} from "../support/certificates.ts";
import { fuzzTest, mutationsOf, textMutationsOf, textOf } from "../support/fuzz.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const fluentd = await fluentdCertificates();
const teleport = await teleportCertificates();
const key = fluentd.client.privateKeyPem;
const certificate = fluentd.client.certificatePem;
const encryptedKey = await encryptPrivateKey(key, "passphrase");
const identity = formatIdentity({
  ...teleport.client,
  authorityPems: [teleport.hostAuthority.certificatePem],
});

const PEM_WORDS = textOf(
  "-----BEGIN CERTIFICATE-----",
  "-----END CERTIFICATE-----",
  "-----BEGIN PRIVATE KEY-----",
  "-----END PRIVATE KEY-----",
  "-----BEGIN ",
  "-----",
  "\n",
  "\r\n",
  "MIIB",
  "=",
);

for (
  const [what, arbitrary] of [
    ["made-up blocks", PEM_WORDS],
    ["a damaged identity", textMutationsOf(identity)],
  ] as const
) {
  fuzzTest(`parsePemBlocks() gives whole blocks of ${what} or says which does not end`, {
    arbitrary,
    allowed: [SyntaxError],
    check(text) {
      for (const { label, pem } of parsePemBlocks(text)) {
        assert.ok(pem.startsWith(`-----BEGIN ${label}-----\n`));
        assert.ok(pem.endsWith(`-----END ${label}-----\n`));
        assert.deepEqual(parsePemBlocks(pem), [{ label, pem }]);
      }
    },
  });

  fuzzTest(`parseIdentityFile() gives all parts of ${what} or says which is missing`, {
    arbitrary,
    allowed: [SyntaxError],
    check(text) {
      const { authorities, certificate, key } = parseIdentityFile(text);
      assert.ok(key.includes("PRIVATE KEY-----") && certificate.includes("BEGIN CERTIFICATE"));
      assert.ok(authorities.length > 0);
    },
  });
}

fuzzTest("readCertificates() gives certificates with names and dates, or says that it cannot", {
  arbitrary: textMutationsOf(certificate),
  allowed: [SyntaxError],
  check(pem) {
    for (const { name, notAfterMs, notBeforeMs } of readCertificates(pem)) {
      assert.equal(typeof name, "string");
      assert.ok(Number.isFinite(notAfterMs) && Number.isFinite(notBeforeMs));
    }
  },
});

fuzzTest(
  "isKeyOfCertificate() says yes, no, or what it cannot read, and never yes to another key",
  {
    arbitrary: textMutationsOf(key),
    allowed: [SyntaxError],
    check(pem) {
      isKeyOfCertificate(pem, certificate);
      assert.equal(isKeyOfCertificate(pem, fluentd.server.certificatePem), false);
    },
  },
);

for (const [what, pem] of [["plain", key], ["encrypted", encryptedKey]] as const) {
  fuzzTest(
    `decryptPrivateKey() opens a damaged ${what} key or says why it cannot, without a piece of it`,
    {
      arbitrary: textMutationsOf(pem),
      allowed: [PrivateKeyError],
      check(text) {
        assert.match(decryptPrivateKey(text, "passphrase"), /PRIVATE KEY/);
      },
    },
  );
}

fuzzTest("readTeleportCredentials() takes a damaged identity or says in a Fault what is wrong", {
  arbitrary: mutationsOf(new TextEncoder().encode(identity)),
  allowed: [Fault],
  async check(bytes) {
    await using folder = await temporaryFolder();
    await Deno.writeFile(folder.join("identity"), bytes);
    const now = Date.now();
    const read = await readTeleportCredentials({ identity: folder.join("identity") }, now);
    assert.ok(read.notAfterMs > now);
  },
});

fuzzTest("readReceiverTls() takes a damaged certificate or says in a Fault what is wrong", {
  arbitrary: mutationsOf(new TextEncoder().encode(certificate)),
  allowed: [Fault],
  async check(bytes) {
    await using folder = await temporaryFolder();
    await Deno.writeFile(folder.join("crt"), bytes);
    await Deno.writeTextFile(folder.join("key"), key);
    await readReceiverTls({
      authority: folder.join("crt"),
      client: { certificate: folder.join("crt"), key: folder.join("key") },
    }, Date.now());
  },
});
