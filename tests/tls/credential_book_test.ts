import assert from "node:assert/strict";
import { CredentialBook } from "../../src/tls/credential_book.ts";
import { createAuthority } from "../../src/tls/issue_certificates.ts";
import { issueTestAuthority, issueTestCertificate } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 0, 100);

function createBook() {
  const clock = new FakeClock(NOW_MS);
  const book = new CredentialBook(clock);
  const enterAuthorities = (...pems: string[]) =>
    book.enter("Fluentd", [{
      name: "fluentd_ca",
      title: "Authority in fluentd.ca",
      path: "ca.crt",
      pem: pems.join(""),
      renewal: "Add its successor",
    }]);
  return { book, clock, enterAuthorities };
}

/** An authority that ends so many days from now. */
async function issueAuthority(commonName: string, days: number): Promise<string> {
  const { certificatePem } = await createAuthority({
    commonName,
    keyType: "ecdsa",
    notBeforeMs: NOW_MS - 10 * DAY_MS,
    notAfterMs: NOW_MS + days * DAY_MS,
  });
  return certificatePem;
}

Deno.test("CredentialBook.list() tells name, file, subject and times, and nothing else", async () => {
  const { book, clock } = createBook();
  const { certificatePem, privateKeyPem } = await issueTestCertificate(
    await issueTestAuthority("authority"),
    { commonName: "handler", usage: "client", notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS },
  );
  const credential = {
    name: "teleport_client",
    title: "Certificate for Teleport",
    path: "identity",
    pem: certificatePem,
    renewal: "Sign a new one",
  } as const;
  assert.equal(book.enter("Teleport", [credential]).length, 1);
  const expected = {
    name: "teleport_client",
    path: "identity",
    subject: "handler",
    notBeforeMs: NOW_MS,
    notAfterMs: NOW_MS + DAY_MS,
    replacedMs: undefined,
    problem: undefined,
  };
  assert.deepEqual(book.list(), [expected]);
  assert.ok(!JSON.stringify(book.list()).includes(privateKeyPem));
  book.report("Teleport", "no good");
  assert.deepEqual(book.list(), [{ ...expected, problem: "no good" }]);
  await clock.advance(1000);
  assert.deepEqual(book.enter("Teleport", [credential]), []);
  assert.deepEqual(book.list(), [expected]);
});

Deno.test("CredentialBook.enter() returns what is new, and only that counts as replaced", async () => {
  const { book, clock, enterAuthorities } = createBook();
  const [first, second] = [await issueAuthority("a", 10), await issueAuthority("b", 20)];
  enterAuthorities(first);
  await clock.advance(5000);
  assert.deepEqual(enterAuthorities(second).map(({ subject }) => subject), ["b"]);
  assert.equal(book.list()[0]!.replacedMs, NOW_MS + 5000);
  await clock.advance(5000);
  assert.deepEqual(enterAuthorities(second), []);
  assert.equal(book.list()[0]!.replacedMs, NOW_MS + 5000);
});

/** Files of authorities, each by its name and the days that it has left, and which one counts. */
const BUNDLES: readonly (readonly [string, (readonly [string, number])[], number])[] = [
  ["one authority", [["a", 30]], 30],
  ["two, the one that ends first", [["a", 30], ["b", 3]], 3],
  ["an old one and its successor of the same name, the successor", [["a", 3], ["a", 300]], 300],
  ["one that has ended and another, the other", [["a", -1], ["b", 30]], 30],
  [
    "many, as of the system, the last of them",
    Array.from({ length: 11 }, (_, i) => [`authority ${i}`, i + 3] as const),
    13,
  ],
  ["several that have all ended, the last of them", [["a", -3], ["b", -1], ["c", -2]], -1],
];

for (const [what, authorities, days] of BUNDLES) {
  Deno.test(`CredentialBook.list() shows of a file with ${what}`, async () => {
    const { book, enterAuthorities } = createBook();
    enterAuthorities(...await Promise.all(authorities.map((args) => issueAuthority(...args))));
    assert.equal(book.list()[0]!.notAfterMs, NOW_MS + days * DAY_MS);
  });
}
