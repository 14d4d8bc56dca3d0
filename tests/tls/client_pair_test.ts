import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { findUnusablePart } from "../../src/tls/client_pair.ts";
import { fluentdCertificates, issueTestCertificate } from "../support/certificates.ts";
import { mutationsOf } from "../support/fuzz.ts";
import { openssl, signWithOpenssl } from "../support/openssl.ts";
import { drawSeed } from "../support/seed.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("findUnusablePart() has nothing against the pairs that we issue", async () => {
  const { authority } = await fluentdCertificates();
  for (const keyType of ["rsa", "ecdsa"] as const) {
    const pair = await issueTestCertificate(authority, {
      ...{ commonName: "x", usage: "client", keyType },
      rsaBits: 2048,
    });
    const parts = { certificate: pair.certificatePem, key: pair.privateKeyPem };
    assert.equal(findUnusablePart(parts), undefined);
  }
});

Deno.test("findUnusablePart() knows the version whatever the length of the certificate", async () => {
  await using folder = await temporaryFolder();
  const { authority } = await fluentdCertificates();
  const key = folder.join("key");
  await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key);
  const keyPem = await Deno.readTextFile(key);
  for (
    const extensions of [undefined, "basicConstraints=CA:false", `nsComment=${"x".repeat(60_000)}`]
  ) {
    const options = {
      folder: folder.path,
      key,
      ...(extensions === undefined ? {} : { extensions }),
    };
    const certificate = await Deno.readTextFile(await signWithOpenssl(authority, options));
    const reason = findUnusablePart({ certificate, key: keyPem });
    assert.equal(reason === undefined, extensions !== undefined, reason);
  }
});

/** Lets openssl make a client pair with the extensions, given as in its configuration. */
async function makePair(extensions: string): Promise<{ certificate: string; key: string }> {
  await using folder = await temporaryFolder();
  const { authority } = await fluentdCertificates();
  const key = folder.join("key");
  await openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key);
  const path = await signWithOpenssl(authority, { folder: folder.path, key, extensions });
  return { certificate: await Deno.readTextFile(path), key: await Deno.readTextFile(key) };
}

/** Extensions with which TLS works, as they stand in certificates of companies. */
const KNOWN_EXTENSIONS: readonly string[] = [
  "keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=critical,clientAuth",
  "basicConstraints=critical,CA:false\nsubjectAltName=critical,DNS:handler.example.com",
  "basicConstraints=critical,CA:true,pathlen:0\nnameConstraints=critical,permitted;DNS:example.com",
  "crlDistributionPoints=critical,URI:http://example.com/crl",
  "certificatePolicies=1.3.6.1.4.1.99999.1\npolicyConstraints=requireExplicitPolicy:0",
  "1.3.6.1.4.1.99999.7=ASN1:UTF8String:anything\nnsComment=anything\ntlsfeature=status_request",
];

for (const extensions of KNOWN_EXTENSIONS) {
  Deno.test(`findUnusablePart() has nothing against ${extensions.replace("\n", " and ")}`, async () => {
    const pair = await makePair(extensions);
    assert.equal(findUnusablePart(pair), undefined);
    // It is right: this would end the tests.
    Deno.createHttpClient({ cert: pair.certificate, key: pair.key }).close();
  });
}

/** Extensions that rustls does not know, and ends the process over where they are critical. */
const UNKNOWN_EXTENSIONS: readonly string[] = [
  "certificatePolicies=critical,1.3.6.1.4.1.99999.1",
  "policyConstraints=critical,requireExplicitPolicy:0",
  "inhibitAnyPolicy=critical,0",
  "1.3.6.1.4.1.99999.7=critical,ASN1:UTF8String:anything",
];

for (const extensions of UNKNOWN_EXTENSIONS) {
  Deno.test(`findUnusablePart() says that TLS does not know ${extensions}`, async () => {
    assert.match(
      findUnusablePart(await makePair(extensions)) ?? "",
      /^Certificate has an extension that is marked critical .*\(UnsupportedCriticalExtension\)$/,
    );
  });
}

Deno.test("findUnusablePart() finds that the two places of the signature's algorithm differ", async () => {
  const { certificate, key } = await makePair("extendedKeyUsage=clientAuth");
  const der = derOf(certificate);
  // ecdsa-with-SHA256 but for its last byte. It stands twice; the first one becomes another algorithm.
  const name = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
  const at = der.findIndex((_, at) => name.every((byte, i) => der[at + i] === byte));
  assert.ok(at > 0, "The authority signs by another algorithm");
  der[at + name.length]! ^= 1;
  assert.match(
    findUnusablePart({ certificate: pemOf("CERTIFICATE", der), key }) ?? "",
    /^Certificate is damaged or of a form .*\(SignatureAlgorithmMismatch/,
  );
});

/** Copies of bytes with a bit changed at each `step` of them, and with greater changes. */
function damage(bytes: Uint8Array, seed: number, step: number): Uint8Array[] {
  const damaged = fc.sample(mutationsOf(bytes), { seed, numRuns: 300 });
  for (let at = seed % step; at < bytes.length; at += step) {
    const changed = bytes.slice();
    changed[at]! ^= 1 << (seed + at) % 8;
    damaged.push(changed);
  }
  return damaged;
}

Deno.test("readReceiverTls() never ends the process, whatever bytes of a client pair are damaged", async () => {
  const { authority, client } = await fluentdCertificates();
  const rsa = await issueTestCertificate(authority, {
    ...{ commonName: "x", usage: "client", keyType: "rsa", rsaBits: 2048 },
  });
  const seed = drawSeed();
  const pairs = [
    ...damage(derOf(client.certificatePem), seed, 1).map((bytes) => ({
      certificate: pemOf("CERTIFICATE", bytes),
      key: client.privateKeyPem,
    })),
    ...[client, rsa].flatMap(({ certificatePem, privateKeyPem }) =>
      damage(derOf(privateKeyPem), seed, 5).map((bytes) => ({
        certificate: certificatePem,
        key: pemOf("PRIVATE KEY", bytes),
      }))
    ),
  ];
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(folder.join("pairs"), JSON.stringify(pairs));
  const child = fileURLToPath(new URL("../support/client_pair_child.ts", import.meta.url));
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const run = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", `--config=${config}`, "--cached-only", "--no-check"],
      ...["--allow-read", "--allow-net=127.0.0.1", child, folder.join("pairs")],
    ],
  }).output();
  const answers = new TextDecoder().decode(run.stdout).trimEnd().split("\n");
  assert.ok(run.success, `after ${answers.length}: ${new TextDecoder().decode(run.stderr)}`);
  assert.equal(answers.length, pairs.length);
  const expected = ["taken", "Certificate is damaged", "cannot be read", "does not belong"];
  for (const part of expected) assert.ok(answers.some((answer) => answer.includes(part)), part);
});

function derOf(pem: string): Uint8Array {
  const base64 = pem.replaceAll(/-----.*-----|\n/g, "");
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

function pemOf(label: string, der: Uint8Array): string {
  // Keys are read in lines of 64 characters only.
  const lines = btoa(String.fromCharCode(...der)).replaceAll(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
