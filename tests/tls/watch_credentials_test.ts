import assert from "node:assert/strict";
import { encryptPrivateKey } from "../../src/tls/encrypt_private_key.ts";
import type { IssuedCertificate } from "../../src/tls/issue_certificates.ts";
import { fluentdCertificates, issueTestAuthority } from "../support/certificates.ts";
import { createRandom } from "../support/events.ts";
import { openssl, signWithOpenssl } from "../support/openssl.ts";
import { drawSeed } from "../support/seed.ts";
import { issue, link, replace, replacePair, type Rig, startWatch, taken } from "./watch_rig.ts";

const HOUR_MS = 3_600_000;

Deno.test("watchCredentials() looks at the files once an interval, and says nothing while they stay", async () => {
  await using rig = await startWatch();
  await rig.look(5);
  // The first look does not know yet what was read at the start.
  assert.deepEqual(rig.clock.sleeps.slice(2), [10_000, 10_000, 10_000, 10_000]);
  assert.deepEqual([rig.taken, rig.logger.records], [[], []]);
});

Deno.test("watchCredentials() takes a pair that was renamed into its place within two looks, and says so once", async () => {
  await using rig = await startWatch();
  const second = await issue("second");
  await rig.look(2);
  await replacePair(rig, second);
  await rig.look();
  assert.deepEqual(rig.taken, []);
  assert.equal(rig.clock.nextWakeMs, 1000);
  await rig.look(10);
  assert.deepEqual(rig.taken, taken(second));
  assert.equal(rig.logger.records.length, 1);
  const [record] = rig.logger.records;
  assert.equal(
    record!.message,
    "Client certificate for Fluentd was replaced; the new one is in use",
  );
  assert.equal(record!.fields["subject"], "second");
  assert.match(String(record!.fields["until"]), /^20\d\d-.*Z$/);
});

Deno.test("watchCredentials() notices what was replaced before its first look", async () => {
  await using rig = await startWatch();
  const second = await issue("second");
  await replacePair(rig, second);
  await rig.look(2);
  assert.deepEqual(rig.taken, taken(second));
});

Deno.test("watchCredentials() follows links that are turned to another folder, as Kubernetes does", async () => {
  await using rig = await startWatch();
  const { folder, path } = rig;
  const write = async (version: string, pair: IssuedCertificate) => {
    await Deno.mkdir(folder.join(version));
    await Deno.copyFile(path.authority, folder.join(version, "ca.crt"));
    await Deno.writeTextFile(folder.join(version, "tls.crt"), pair.certificatePem);
    await Deno.writeTextFile(folder.join(version, "tls.key"), pair.privateKeyPem);
    await link(version, folder.join("..data_tmp"));
    await Deno.rename(folder.join("..data_tmp"), folder.join("..data"));
  };
  await write("..2026_01", rig.first);
  for (const name of ["ca.crt", "tls.crt", "tls.key"]) {
    await Deno.remove(folder.join(name));
    await link(`..data/${name}`, folder.join(name));
  }
  await rig.look(3);
  assert.deepEqual(rig.taken, []);
  const [second, third] = [await issue("second"), await issue("third")];
  await write("..2026_02", second);
  await Deno.remove(folder.join("..2026_01"), { recursive: true });
  await rig.look(3);
  await write("..2026_03", third);
  await rig.look(3);
  assert.deepEqual(rig.taken, taken(second, third));
  assert.deepEqual(rig.logger.find({ level: "warning" }), []);
});

Deno.test("watchCredentials() waits for a file that is being written, and does not complain of it", async () => {
  await using rig = await startWatch();
  const second = await issue("second");
  await Deno.writeTextFile(rig.path.key, second.privateKeyPem);
  await Deno.writeTextFile(rig.path.certificate, second.certificatePem.slice(0, 300));
  await rig.look(3);
  await Deno.writeTextFile(rig.path.certificate, "");
  await rig.look(3);
  await Deno.writeTextFile(rig.path.certificate, second.certificatePem);
  await rig.look(2);
  assert.deepEqual(rig.taken, taken(second));
  assert.deepEqual(rig.logger.find({ level: "warning" }), []);
});

Deno.test("watchCredentials() takes nothing at one look alone: whole blocks may be half a file", async () => {
  await using rig = await startWatch();
  const { authority, foreign } = await fluentdCertificates();
  await Deno.writeTextFile(rig.path.authority, foreign.authority.certificatePem);
  await rig.look();
  await Deno.writeTextFile(
    rig.path.authority,
    foreign.authority.certificatePem + authority.certificatePem,
  );
  await rig.look();
  assert.deepEqual(rig.taken, []);
  await rig.look();
  assert.equal(rig.taken.length, 1);
  const [record] = rig.logger.find({ message: "was replaced" });
  assert.equal(record!.message, "Authority in fluentd.ca was replaced; the new one is in use");
});

for (const [what, name] of [["certificate", "certificate"], ["key", "key"]] as const) {
  Deno.test(`watchCredentials() does not complain of a ${what} that comes some seconds before its other half`, async () => {
    await using rig = await startWatch();
    const second = await issue("second");
    const other = name === "key" ? "certificate" : "key";
    const texts = { certificate: second.certificatePem, key: second.privateKeyPem };
    await rig.look(2);
    await replace(rig.path[name], texts[name]);
    await rig.look(4);
    assert.deepEqual([rig.taken, rig.logger.records], [[], []]);
    await replace(rig.path[other], texts[other]);
    await rig.look(2);
    assert.deepEqual(rig.taken, taken(second));
    assert.equal(rig.logger.records.length, 1);
  });
}

/** Ways to spoil the files, and what is said of it. */
const SPOILED: readonly {
  readonly title: string;
  readonly spoil: (rig: Rig) => Promise<void>;
  readonly said: RegExp;
}[] = [
  {
    title: "a key that does not belong to the certificate",
    spoil: async (rig) => await replace(rig.path.key, (await issue("x")).privateKeyPem),
    said: /Private key '.*tls\.key' does not belong to the certificate '.*tls\.crt'/,
  },
  {
    title: "an expired certificate",
    spoil: async (rig) => {
      const now = Date.now();
      await replacePair(
        rig,
        await issue("x", { notBeforeMs: now - 2 * HOUR_MS, notAfterMs: now - HOUR_MS }),
      );
    },
    said: /Client certificate '.*tls\.crt' expired at 20/,
  },
  {
    title: "a certificate that is not good yet",
    spoil: async (rig) => {
      const now = Date.now();
      await replacePair(
        rig,
        await issue("x", { notBeforeMs: now + HOUR_MS, notAfterMs: now + 2 * HOUR_MS }),
      );
    },
    said: /Client certificate for Fluentd 'x' in '.*tls\.crt' is good only from 20\S+ on$/,
  },
  {
    title: "authorities that have all expired",
    spoil: async (rig) => {
      const now = Date.now();
      const { createAuthority } = await import("../../src/tls/issue_certificates.ts");
      const authority = await createAuthority({
        commonName: "old",
        keyType: "ecdsa",
        notBeforeMs: now - 2 * HOUR_MS,
        notAfterMs: now - HOUR_MS,
      });
      await replace(rig.path.authority, authority.certificatePem);
    },
    said: /Authority in fluentd\.ca 'old' in '.*ca\.crt' expired at 20/,
  },
  {
    title: "garbage",
    spoil: (rig) => Deno.writeFile(rig.path.certificate, new Uint8Array([0xff, 0, 1, 2, 0xfe])),
    said: /Cannot use '.*tls\.crt': No certificate found/,
  },
  {
    title: "an empty file",
    spoil: (rig) => Deno.writeTextFile(rig.path.key, ""),
    said: /Cannot use the key '.*tls\.key': No private key found/,
  },
  {
    title: "a file that cannot be read",
    spoil: async (rig) => {
      await Deno.remove(rig.path.key);
      await Deno.mkdir(rig.path.key);
    },
    said: /Cannot read '.*tls\.key': Is a directory/,
  },
  {
    title: "a file that was removed",
    spoil: (rig) => Deno.remove(rig.path.authority),
    said: /Cannot read '.*ca\.crt': No such file/,
  },
  {
    title: "a link to nowhere",
    spoil: async (rig) => {
      await Deno.remove(rig.path.key);
      await link("..gone/tls.key", rig.path.key);
    },
    said: /Cannot read '.*tls\.key': /,
  },
  {
    title: "a key of a kind that would end the process",
    spoil: (rig) =>
      replaceByOpenssl(
        rig,
        "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out",
        "extendedKeyUsage = clientAuth",
      ),
    said: /has 1024 bits, and RSA keys need at least 2048/,
  },
  {
    title: "a certificate that would end the process",
    spoil: (rig) =>
      replaceByOpenssl(
        rig,
        "ecparam -name prime256v1 -genkey -noout -out",
        "certificatePolicies = critical,1.3.6.1.4.1.99999.1",
      ),
    said: /Cannot use '.*tls\.crt' with '.*tls\.key': Certificate has an extension that is marked/,
  },
];

/** Puts a pair in place whose key is made by a line for openssl, with these extensions. */
async function replaceByOpenssl(rig: Rig, make: string, extensions: string): Promise<void> {
  const key = rig.folder.join("new.key");
  await openssl(...make.split(" "), key);
  const { authority } = await fluentdCertificates();
  const certificate = await signWithOpenssl(authority, {
    folder: rig.folder.path,
    key,
    extensions,
  });
  await Deno.rename(certificate, rig.path.certificate);
  await Deno.rename(key, rig.path.key);
}

for (const { title, spoil, said } of SPOILED) {
  Deno.test(`watchCredentials() tells once of ${title}, keeps the old ones, and goes on with good ones`, async () => {
    await using rig = await startWatch();
    await rig.look(2);
    await spoil(rig);
    await rig.look(4);
    assert.deepEqual(rig.logger.records, []);
    await rig.look(20);
    assert.deepEqual(rig.taken, []);
    assert.equal(rig.logger.records.length, 1);
    const { level, message } = rig.logger.find({})[0]!;
    assert.equal(level, "warning");
    assert.match(message, /^The old credentials for Fluentd stay in use: /);
    assert.match(message, said);
    assert.doesNotMatch(message, /BEGIN/);
    assert.ok(rig.book.list().every((status) => said.test(status.problem ?? "")));

    for (const path of Object.values(rig.path)) {
      await Deno.remove(path, { recursive: true }).catch(() => {});
    }
    const { authority } = await fluentdCertificates();
    await Deno.writeTextFile(rig.path.authority, authority.certificatePem);
    const third = await issue("third");
    await replacePair(rig, third);
    await rig.look(2);
    assert.deepEqual(rig.taken, taken(third));
    assert.equal(rig.logger.records.length, 2);
    assert.ok(rig.book.list().every((status) => status.problem === undefined));
  });
}

Deno.test("watchCredentials() takes a certificate that was not good yet when its time has come", async () => {
  await using rig = await startWatch();
  await rig.look(2);
  const nowMs = rig.clock.nowMs();
  const second = await issue("second", {
    notBeforeMs: nowMs + 120_000,
    notAfterMs: nowMs + HOUR_MS,
  });
  await replacePair(rig, second);
  while (rig.clock.nowMs() < nowMs + 130_000) await rig.look();
  assert.deepEqual(rig.taken, taken(second));
});

Deno.test("watchCredentials() says that the files hold the old ones again when they were put back", async () => {
  await using rig = await startWatch();
  await rig.look(2);
  await Deno.writeTextFile(rig.path.key, "nothing");
  await rig.look(6);
  await Deno.writeTextFile(rig.path.key, rig.first.privateKeyPem);
  await rig.look(5);
  assert.deepEqual(rig.taken, []);
  assert.deepEqual(rig.logger.records.map(({ level }) => level), ["warning", "info"]);
  assert.match(rig.logger.records[1]!.message, /for Fluentd hold those in use again/);
  assert.ok(rig.book.list().every((status) => status.problem === undefined));
});

Deno.test("watchCredentials() does not speak of files that were written again with the same credentials", async () => {
  await using rig = await startWatch();
  await rig.look(2);
  await replacePair(rig, rig.first);
  await replace(rig.path.key, `Bag Attributes: none\n${rig.first.privateKeyPem}`);
  await rig.look(10);
  assert.deepEqual([rig.taken, rig.logger.records], [[], []]);
});

Deno.test("watchCredentials() takes an encrypted key with its passphrase, and tells neither", async () => {
  await using rig = await startWatch({ passphrase: "old horse" });
  await rig.look(2);
  const second = await issue("second");
  await replace(rig.path.certificate, second.certificatePem);
  await replace(rig.path.key, await encryptPrivateKey(second.privateKeyPem, "new battery"));
  await rig.look(6);
  assert.match(rig.logger.text, /cannot be decrypted with the passphrase given/);
  await Deno.writeTextFile(rig.folder.join("passphrase"), "new battery\n");
  await rig.look(2);
  assert.equal(rig.taken.length, 1);
  assert.doesNotMatch(rig.logger.text, /old horse|new battery|BEGIN/);
});

Deno.test("watchCredentials() never takes a mixture, however the writing of several files goes, and ends with the last", async () => {
  const random = createRandom(drawSeed());
  const pick = (count: number) => Math.floor(random() * count);
  await using rig = await startWatch();
  const pairs = await Promise.all([1, 2, 3, 4].map((i) => issue(`pair ${i}`)));
  for (const pair of pairs) {
    const writes = [
      { path: rig.path.certificate, text: pair.certificatePem },
      { path: rig.path.key, text: pair.privateKeyPem },
    ].sort(() => random() - 0.5);
    for (const { path, text } of writes) {
      for (let cuts = pick(3); cuts > 0; cuts--) {
        await Deno.writeTextFile(path, text.slice(0, pick(text.length)));
        await rig.look(pick(4));
      }
      await Deno.writeTextFile(path, text);
      await rig.look(pick(4));
    }
  }
  await rig.look(3);
  const whole = taken(rig.first, ...pairs);
  for (const one of rig.taken) assert.ok(whole.includes(one), "A mixture was taken");
  assert.equal(rig.taken.at(-1), taken(pairs.at(-1)!)[0]);
});

Deno.test("watchCredentials() takes a bundle of the old and the new authority, and says who ends next", async () => {
  await using rig = await startWatch();
  const { authority } = await fluentdCertificates();
  const successor = await issueTestAuthority("successor");
  await replace(rig.path.authority, authority.certificatePem + successor.certificatePem);
  await rig.look(2);
  assert.equal(rig.taken.length, 1);
  const [client, ca] = rig.book.list();
  assert.equal(client!.replacedMs, undefined);
  assert.equal(ca!.replacedMs, rig.clock.nowMs());
});
