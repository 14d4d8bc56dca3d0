import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { findSecret } from "../support/secrets.ts";
import { startProgram } from "../support/program.ts";
import { TestProcess } from "../support/process.ts";

const { privateKey: rsa } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const EC_KEYS = ["prime256v1", "secp384r1", "secp521r1"].map((namedCurve) =>
  [namedCurve, generateKeyPairSync("ec", { namedCurve }).privateKey] as const
);

const KEYS = [
  ["RSA in PKCS #8", rsa.export({ type: "pkcs8", format: "pem" })],
  ["RSA in PKCS #1", rsa.export({ type: "pkcs1", format: "pem" })],
  [
    "Ed25519",
    generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }),
  ],
  ...EC_KEYS.map(([curve, key]) => [curve, key.export({ type: "pkcs8", format: "pem" })] as const),
] as const;

for (const [kind, pem] of KEYS) {
  Deno.test(`findSecret() finds a private key of the kind ${kind}, with its head and without it`, () => {
    assert.equal(findSecret(`x ${pem}`), "a private key");
    assert.equal(findSecret(String(pem).split("\n")[1]!), "a private key");
    assert.equal(findSecret(String(pem).replaceAll("\n", "\\n").slice(27)), "a private key");
  });
}

Deno.test("findSecret() finds what it is told of, and nothing in certificates and sentences", () => {
  assert.equal(findSecret("a b c", ["b"]), "a secret that it was given");
  assert.equal(
    findSecret("First PEM block is 'CERTIFICATE', not a private key", ["b c"]),
    undefined,
  );
  assert.equal(findSecret("MIIDXTCCAkWgAwIBAgIJAKL0UG+mRkN7MA0GCSqGSIb3DQEBCwUA"), undefined);
});

Deno.test("A process that prints a secret fails the test that started it", async () => {
  const process = new TestProcess({
    command: Deno.execPath(),
    args: ["eval", "console.error('SECRET' + '-MARKER')"],
    secrets: [],
  });
  const message = await process.exit.then(() => "", (error) => error.message);
  assert.match(message, /^The program printed a secret that it was given to stderr, line 1/);
});

Deno.test("A program that prints the passphrase of its environment fails the test that started it", async () => {
  const passphrase = "Teleport event handler";
  const env = { FDFWD_FLUENTD_KEY_PASSPHRASE: passphrase };
  const program = startProgram({ args: ["version"], env });
  await assert.rejects(program.exit, /printed a secret that it was given to stdout/);
});
