import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import fc from "fast-check";
import { decryptPrivateKey, PrivateKeyError } from "../../src/tls/private_key.ts";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

function reasonOf(pem: string, passphrase?: string): string {
  try {
    decryptPrivateKey(pem, passphrase);
  } catch (error) {
    assert.ok(error instanceof PrivateKeyError, `${error}`);
    assert.doesNotMatch(error.message, /BEGIN|hunter2/);
    return error.reason;
  }
  return "none";
}

async function makeKeys() {
  const folder = await temporaryFolder();
  const at = (name: string) => folder.join(name);
  await openssl("genrsa", "-out", at("plain"));
  const pass = ["-passout", "pass:hunter2"];
  await openssl("pkcs8", "-topk8", "-in", at("plain"), ...pass, "-out", at("encrypted"));
  await openssl(
    "rsa",
    "-aes128",
    "-traditional",
    "-in",
    at("plain"),
    ...pass,
    "-out",
    at("legacy"),
  );
  const read = (name: string) => Deno.readTextFile(at(name));
  const keys = {
    plain: await read("plain"),
    encrypted: await read("encrypted"),
    legacy: await read("legacy"),
  };
  await folder[Symbol.asyncDispose]();
  return keys;
}

Deno.test("decryptPrivateKey() gives a plain key back as it was written, with or without a passphrase", async () => {
  const { plain } = await makeKeys();
  assert.equal(decryptPrivateKey(plain), plain);
  assert.equal(decryptPrivateKey(`text\n${plain}`, "not needed"), plain);
});

Deno.test("decryptPrivateKey() undoes the encryption of PKCS#8", async () => {
  const { plain, encrypted } = await makeKeys();
  const key = createPrivateKey(decryptPrivateKey(encrypted, "hunter2"));
  assert.ok(key.equals(createPrivateKey(plain)));
});

Deno.test("decryptPrivateKey() tells what is wrong with a key that it cannot use", async () => {
  const { plain, encrypted, legacy } = await makeKeys();
  assert.equal(reasonOf(""), "missing");
  assert.equal(
    reasonOf("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    "missing",
  );
  assert.equal(reasonOf(legacy, "hunter2"), "legacy-encryption");
  assert.equal(reasonOf(legacy.replaceAll("\n", "\r\n")), "legacy-encryption");
  assert.equal(reasonOf(encrypted), "passphrase-missing");
  assert.equal(reasonOf(encrypted, "hunter3"), "passphrase-wrong");
  assert.equal(reasonOf(plain.replace(/\n.{40}/, "\nAAAA")), "unreadable");
});

Deno.test("decryptPrivateKey() throws nothing but PrivateKeyError and SyntaxError", () => {
  const label = fc.constantFrom(
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
  );
  const body = fc.oneof(fc.base64String({ maxLength: 200 }), fc.string({ unit: "binary" }));
  fc.assert(fc.property(label, body, fc.boolean(), (label, body, isWhole) => {
    const pem = `-----BEGIN ${label}-----\n${body}\n${isWhole ? `-----END ${label}-----` : ""}\n`;
    try {
      decryptPrivateKey(pem, "passphrase");
      assert.fail("no such key exists");
    } catch (error) {
      assert.ok(error instanceof PrivateKeyError || error instanceof SyntaxError, `${error}`);
    }
  }));
});

Deno.test("decryptPrivateKey() says so of a key that is cut short", () => {
  assert.throws(
    () => decryptPrivateKey("-----BEGIN PRIVATE KEY-----\nMIGH\n"),
    (error) =>
      error instanceof PrivateKeyError && error.reason === "unreadable" &&
      /does not end/.test(error.message),
  );
});
