import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import { readReceiverTls, type ReceiverTlsPaths } from "../../src/fluentd/credentials.ts";
import { Lane, type ReceiverTls } from "../../src/fluentd/lane.ts";
import {
  fluentdCertificates,
  type FluentdFiles,
  writeFluentdFiles,
} from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { openssl, signWithOpenssl } from "../support/openssl.ts";
import { makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const PASSPHRASE = "correct horse ü";
const CLIENT_EXTENSIONS = "extendedKeyUsage=clientAuth\n";

/** Posts an event to a receiver that demands a client certificate. */
async function assertHandshake(tls: ReceiverTls): Promise<void> {
  await using receiver = await startFakeReceiver();
  const options = {
    userAgent: "test",
    timeoutMs: 5000,
    clock: new FakeClock(),
    logger: new RecordingLogger(),
  };
  using lane = new Lane({ tls, ...options });
  const delivery = await lane.post(receiver.url(), makeEvents(1), new AbortController().signal);
  assert.deepEqual(delivery, { kind: "delivered" });
  assert.equal(receiver.requests[0]!.client, "teleport-event-handler");
}

/** How openssl makes a key in the file that comes last; `{plain}` is a plain RSA key. */
const USABLE_KEYS: readonly {
  readonly title: string;
  readonly make: string;
  readonly encrypted?: true;
}[] = [
  { title: "an RSA key in PKCS#1", make: "genrsa -traditional -out" },
  { title: "an RSA key in PKCS#8", make: "genrsa -out" },
  {
    title: "an RSA key of 3072 bits",
    make: "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:3072 -out",
  },
  {
    title: "an EC key in SEC1 after its EC PARAMETERS",
    make: "ecparam -name prime256v1 -genkey -out",
  },
  { title: "an EC key in SEC1 alone", make: "ecparam -name prime256v1 -genkey -noout -out" },
  {
    title: "a P-384 key in PKCS#8",
    make: "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-384 -out",
  },
  {
    title: "a P-521 key in PKCS#8",
    make: "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-521 -out",
  },
  { title: "an Ed25519 key", make: "genpkey -algorithm ed25519 -out" },
  {
    title: "an encrypted PKCS#8 key",
    make: "pkcs8 -topk8 -in {plain} -passout {pass} -out",
    encrypted: true,
  },
  {
    title: "an encrypted PKCS#8 key with scrypt",
    make: "pkcs8 -topk8 -scrypt -in {plain} -passout {pass} -out",
    encrypted: true,
  },
  {
    title: "an encrypted PKCS#8 key with AES-128",
    make: "pkcs8 -topk8 -v2 aes-128-cbc -in {plain} -passout {pass} -out",
    encrypted: true,
  },
];

/** Lets openssl make a key by a line of the table; returns its path. */
async function makeKey(folder: string, make: string, name = "client.key"): Promise<string> {
  const [plain, key] = [`${folder}/plain.key`, `${folder}/${name}`];
  if (make.includes("{plain}")) await openssl("genrsa", "-out", plain);
  const fill = (word: string) =>
    word.replace("{plain}", plain).replace("{pass}", `pass:${PASSPHRASE}`);
  await openssl(...make.split(" ").map(fill), key);
  return key;
}

for (const { title, make, encrypted } of USABLE_KEYS) {
  Deno.test(`readReceiverTls() reads ${title}, and a handshake works with it`, async () => {
    await using folder = await temporaryFolder();
    const { authority } = await fluentdCertificates();
    const key = await makeKey(folder.path, make);
    const options = {
      folder: folder.path,
      key,
      passphrase: PASSPHRASE,
      extensions: CLIENT_EXTENSIONS,
    };
    const certificate = await signWithOpenssl(authority, options);
    const passphrase = encrypted ? PASSPHRASE : undefined;
    const paths = {
      authority: folder.join("authority.crt"),
      client: { certificate, key, passphrase },
    };
    await assertHandshake(await readReceiverTls(paths, Date.now()));
  });
}

/** Keys that the runtime would panic over, which ends the process. */
const UNUSABLE_KEYS: readonly [string, string, RegExp][] = [
  [
    "an RSA key of 1024 bits",
    "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out",
    /has 1024 bits, and RSA keys need at least 2048/,
  ],
  [
    "an RSA-PSS key",
    "genpkey -algorithm rsa-pss -pkeyopt rsa_keygen_bits:2048 -out",
    /kind rsa-pss; use RSA, ECDSA on P-256/,
  ],
  [
    "a P-224 key",
    "genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-224 -out",
    /kind secp224r1; use/,
  ],
  ["an Ed448 key", "genpkey -algorithm ed448 -out", /kind ed448; use/],
];

for (const [title, make, message] of UNUSABLE_KEYS) {
  Deno.test(`readReceiverTls() refuses ${title}, which TLS cannot use`, async () => {
    await using folder = await temporaryFolder();
    const key = await makeKey(folder.path, make);
    const certificate = await signWithOpenssl((await fluentdCertificates()).authority, {
      folder: folder.path,
      key,
      extensions: CLIENT_EXTENSIONS,
    });
    const fault = await refuse({ client: { certificate, key } });
    assert.match(fault.message, message);
    assert.ok(fault.message.includes(certificate) && fault.message.includes(key));
  });
}

Deno.test("readReceiverTls() refuses a certificate of version 1, which TLS cannot use", async () => {
  await using folder = await temporaryFolder();
  const key = await makeKey(folder.path, "genrsa -out");
  const { authority } = await fluentdCertificates();
  const certificate = await signWithOpenssl(authority, { folder: folder.path, key });
  const fault = await refuse({ client: { certificate, key } });
  assert.match(fault.message, /version 1; make it again with the extension extendedKeyUsage/);
});

for (const client of [false, true]) {
  Deno.test(`readReceiverTls() names an authority with damaged bytes ${client ? "beside" : "without"} a client pair`, async () => {
    await using folder = await temporaryFolder();
    const files = await writeFluentdFiles(folder.path);
    const pem = await Deno.readTextFile(files.authority);
    const der = atob(pem.replaceAll(/-----.*-----|\n/g, ""));
    // Node's reader does not compare the two places of the signature's algorithm.
    const at = der.indexOf("\x2a\x86\x48\xce\x3d\x04\x03") + 7;
    const damaged = der.slice(0, at) + "\x01" + der.slice(at + 1);
    await Deno.writeTextFile(
      files.authority,
      `-----BEGIN CERTIFICATE-----\n${btoa(damaged)}\n-----END CERTIFICATE-----\n`,
    );
    const pair = { certificate: files.clientCertificate, key: files.clientKey };
    const fault = await refuse({ authority: files.authority, ...(client ? { client: pair } : {}) });
    assert.match(fault.text, /^Cannot use '.*fluentd-ca\.crt': .*SignatureAlgorithmMismatch/);
  });
}

async function refuse(paths: ReceiverTlsPaths, nowMs = Date.now()): Promise<Fault> {
  const error = await readReceiverTls(paths, nowMs).then(() => undefined, (e: unknown) => e);
  assert.ok(error instanceof Fault, `${error}`);
  assert.equal(error.kind, "credentials");
  assert.doesNotMatch(error.text, /BEGIN|correct horse/);
  return error;
}

Deno.test("readReceiverTls() asks for the passphrase of an encrypted key, and says where it goes", async () => {
  await using folder = await temporaryFolder();
  const key = await makeKey(folder.path, "pkcs8 -topk8 -in {plain} -passout {pass} -out");
  const files = await writeFluentdFiles(folder.path);
  const fault = await refuse({
    client: { certificate: files.clientCertificate, key: folder.join("client.key") },
  });
  assert.ok(fault.message.includes(key));
  assert.match(fault.text, /no passphrase is given\. Set .*FDFWD_FLUENTD_KEY_PASSPHRASE/);
});

for (const passphrase of ["wrong", "", PASSPHRASE + "\n"]) {
  Deno.test(`readReceiverTls() refuses the passphrase ${JSON.stringify(passphrase.replace(PASSPHRASE, "right"))}`, async () => {
    await using folder = await temporaryFolder();
    const files = await writeFluentdFiles(folder.path);
    const key = await makeKey(folder.path, "pkcs8 -topk8 -in {plain} -passout {pass} -out");
    const fault = await refuse({
      client: { certificate: files.clientCertificate, key, passphrase },
    });
    assert.match(
      fault.text,
      /cannot be decrypted with the passphrase given\. Check fluentd\.key-passphrase-file/,
    );
  });
}

/** Encryptions that the runtime does not undo, and what openssl makes them with. */
const FOREIGN_ENCRYPTIONS: readonly {
  readonly title: string;
  readonly make: string;
  readonly said: RegExp;
}[] = [
  {
    title: "the legacy encryption",
    make: "rsa -aes256 -traditional -in {plain} -passout {pass} -out",
    said: /legacy PEM encryption\. Convert it with: (.*)$/,
  },
  {
    title: "PKCS#8 with PBES2 and DES",
    make: "pkcs8 -topk8 -v2 des3 -in {plain} -passout {pass} -out",
    said: /cannot be decrypted with the passphrase given.* with AES: (.*)$/,
  },
  {
    title: "PKCS#8 with PBES1",
    make: "pkcs8 -topk8 -v1 PBE-SHA1-3DES -in {plain} -passout {pass} -out",
    said: /cannot be decrypted with the passphrase given.* with AES: (.*)$/,
  },
];

for (const { title, make, said } of FOREIGN_ENCRYPTIONS) {
  Deno.test(`readReceiverTls() names an openssl command for ${title} that really mends the key`, async () => {
    await using folder = await temporaryFolder();
    const { authority } = await fluentdCertificates();
    // A name that a shell would take apart.
    const key = await makeKey(folder.path, make, "it's my $KEY.pem");
    const options = {
      folder: folder.path,
      key,
      passphrase: PASSPHRASE,
      extensions: CLIENT_EXTENSIONS,
    };
    const certificate = await signWithOpenssl(authority, options);
    const client = { certificate, key, passphrase: PASSPHRASE };
    const paths = { authority: folder.join("authority.crt"), client };
    const fault = await refuse(paths);
    // Without a terminal openssl must be told what it would ask for.
    const asked = `-passin 'pass:${PASSPHRASE}' -passout 'pass:${PASSPHRASE}'`;
    const command = said.exec(fault.text)![1]!.replace("pkcs8 ", `pkcs8 ${asked} `);
    const shell = await new Deno.Command("sh", { args: ["-euc", command], stdin: "null" }).output();
    assert.ok(shell.success, new TextDecoder().decode(shell.stderr));
    await assertHandshake(await readReceiverTls(paths, Date.now()));
  });
}

/** Changes to sound files, and what is said about each. `{…}` is the path of a file. */
const REFUSALS: readonly {
  readonly title: string;
  readonly paths: (files: FluentdFiles) => ReceiverTlsPaths;
  readonly text: RegExp;
}[] = [
  {
    title: "a key of another certificate",
    paths: (f) => ({ client: { certificate: f.clientCertificate, key: f.foreignKey } }),
    text:
      /fluentd-foreign\.key' does not belong to the certificate '.*fluentd-client\.crt'\. .*same signing/,
  },
  {
    title: "an expired certificate",
    paths: (f) => ({ client: { certificate: f.expiredCertificate, key: f.expiredKey } }),
    text: /^Client certificate '.*fluentd-expired\.crt' expired at 20\d\d-.*Z\. Make a new one/,
  },
  {
    title: "a key in place of the certificate",
    paths: (f) => ({ client: { certificate: f.clientKey, key: f.clientKey } }),
    text: /^Cannot use '.*fluentd-client\.key': No certificate found/,
  },
  {
    title: "a certificate in place of the key",
    paths: (f) => ({ client: { certificate: f.clientCertificate, key: f.clientCertificate } }),
    text:
      /^Cannot use the key '.*fluentd-client\.crt': No private key found\. fluentd\.key must be/,
  },
  {
    title: "a certificate authority of garbage",
    paths: (f) => ({ authority: `${f.authority}.garbage` }),
    text: /^Cannot use '.*garbage': No certificate found\. It must hold certificates/,
  },
  {
    title: "a certificate authority with a broken body",
    paths: (f) => ({ authority: `${f.authority}.broken` }),
    text: /^Cannot use '.*broken': Certificate cannot be read/,
  },
  {
    title: "a certificate authority that is cut off",
    paths: (f) => ({ authority: `${f.authority}.cut` }),
    text: /^Cannot use '.*cut': PEM block 'CERTIFICATE' does not end/,
  },
  {
    title: "a certificate that is empty",
    paths: (f) => ({ client: { certificate: `${f.authority}.empty`, key: f.clientKey } }),
    text: /^Cannot use '.*empty': No certificate found/,
  },
  {
    title: "a key with a broken body",
    paths: (f) => ({ client: { certificate: f.clientCertificate, key: `${f.authority}.badkey` } }),
    text: /^Cannot use the key '.*badkey': Private key cannot be read/,
  },
  {
    title: "a file that is not there",
    paths: (f) => ({ authority: `${f.authority}.nowhere` }),
    text: /^Cannot read '.*nowhere': No such file/,
  },
  {
    title: "a folder in place of a file",
    paths: (f) => ({
      client: { certificate: f.clientCertificate, key: f.authority.replace(/\/[^/]*$/, "") },
    }),
    text: /^Cannot read '.*': Is a directory/,
  },
];

for (const { title, paths, text } of REFUSALS) {
  Deno.test(`readReceiverTls() refuses ${title}, naming the file`, async () => {
    await using folder = await temporaryFolder();
    const files = await writeFluentdFiles(folder.path);
    const pem = await Deno.readTextFile(files.authority);
    const key = await Deno.readTextFile(files.clientKey);
    const write = (kind: string, content: string) =>
      Deno.writeTextFile(`${files.authority}.${kind}`, content);
    await write("garbage", "\x00\x01garbage");
    await write("broken", pem.replace(/\n[^-]{60}/, "\nAAAA"));
    await write("cut", pem.slice(0, pem.length / 2));
    await write("empty", "");
    await write("badkey", key.replace(/\n[^-]{20}/, "\nAAAA"));
    assert.match((await refuse(paths(files))).text, text);
  });
}

Deno.test("readReceiverTls() takes a certificate until the moment it ends", async () => {
  await using folder = await temporaryFolder();
  const files = await writeFluentdFiles(folder.path);
  const client = { certificate: files.expiredCertificate, key: files.expiredKey };
  const ended = Date.parse(/expired at (\S+)\./.exec((await refuse({ client })).text)![1]!);
  await refuse({ client }, ended);
  assert.ok((await readReceiverTls({ client }, ended - 1)).client);
});

Deno.test("readReceiverTls() needs neither authority nor client certificate", async () => {
  assert.deepEqual(await readReceiverTls({}, Date.now()), { caCerts: [] });
});

Deno.test("readReceiverTls() takes Windows line ends, text around blocks, and key and chain in one file", async () => {
  await using folder = await temporaryFolder();
  const files = await writeFluentdFiles(folder.path);
  const read = (path: string) => Deno.readTextFile(path);
  const all = `Bag Attributes\n    friendlyName: x\n${await read(files.clientCertificate)}\n` +
    `${await read(files.authority)}${await read(files.clientKey)}`;
  const path = folder.join("all.pem");
  await Deno.writeTextFile(path, all.replaceAll("\n", "\r\n"));
  const tls = await readReceiverTls({
    authority: files.authority,
    client: { certificate: path, key: path },
  }, Date.now());
  assert.doesNotMatch(tls.client!.cert, /PRIVATE KEY|Bag/);
  await assertHandshake(tls);
});
