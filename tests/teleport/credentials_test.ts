import assert from "node:assert/strict";
import { Fault } from "../../src/core/fault.ts";
import {
  readTeleportCredentials,
  type TeleportCredentialPaths,
} from "../../src/teleport/credentials.ts";
import { createAuthConnection } from "../../src/teleport/auth_connection.ts";
import {
  formatIdentity,
  issueTestCertificate,
  teleportCertificates,
  type TeleportFiles,
  writeTeleportFiles,
} from "../support/certificates.ts";
import { startFakeAuthServer } from "../support/fake_auth_server.ts";
import { buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { openssl, signWithOpenssl } from "../support/openssl.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

async function refuse(paths: TeleportCredentialPaths, nowMs = Date.now()): Promise<Fault> {
  const error = await readTeleportCredentials(paths, nowMs).then(() => undefined, (e) => e);
  assert.ok(error instanceof Fault, `${error}`);
  assert.equal(error.kind, "credentials");
  assert.doesNotMatch(error.text, /BEGIN/);
  return error;
}

/** Reads one event from an auth server that trusts the user authority of the process. */
async function assertCall(paths: TeleportCredentialPaths): Promise<void> {
  const credentials = await readTeleportCredentials(paths, Date.now());
  await using server = await startFakeAuthServer({ events: buildEvents({ count: 1 }) });
  using connection = createAuthConnection({ host: "127.0.0.1", port: server.port, credentials });
  const page = await connection.auditLog.getUnstructuredEvents({
    startDate: timestampFromMs(FIRST_EVENT_MS),
    endDate: timestampFromMs(FIRST_EVENT_MS),
  });
  assert.equal(page.items.length, 1);
}

Deno.test("readTeleportCredentials() reads an identity file: user, end of life, and a call works", async () => {
  await using folder = await temporaryFolder();
  const { identity } = await writeTeleportFiles(folder.path);
  const credentials = await readTeleportCredentials({ identity }, Date.now());
  assert.equal(credentials.user, "teleport-event-handler");
  assert.ok(Math.abs(credentials.notAfterMs - Date.now() - 24 * 3_600_000) < 60_000);
  await assertCall({ identity });
});

Deno.test("readTeleportCredentials() reads certificate, key and authority from three files", async () => {
  await using folder = await temporaryFolder();
  const files = await writeTeleportFiles(folder.path);
  await assertCall({
    certificate: files.clientCertificate,
    key: files.clientKey,
    authority: files.authorities,
  });
});

/** Keys of other formats, made by openssl and signed by the cluster's user authority. */
const KEYS: readonly [string, string][] = [
  ["RSA in PKCS#1, as Teleport writes it", "genrsa -traditional -out"],
  ["RSA in PKCS#8", "genrsa -out"],
  ["EC in SEC1", "ecparam -name prime256v1 -genkey -noout -out"],
  ["Ed25519", "genpkey -algorithm ed25519 -out"],
];

for (const [what, make] of KEYS) {
  Deno.test(`readTeleportCredentials() takes a key of ${what}, and a call works with it`, async () => {
    await using folder = await temporaryFolder();
    const { hostAuthority, userAuthority } = await teleportCertificates();
    const key = folder.join("key");
    await openssl(...make.split(" "), key);
    const options = { folder: folder.path, key, extensions: "extendedKeyUsage=clientAuth\n" };
    const certificate = await signWithOpenssl(userAuthority, options);
    const identity = folder.join("identity");
    await Deno.writeTextFile(
      identity,
      formatIdentity({
        privateKeyPem: await Deno.readTextFile(key),
        certificatePem: await Deno.readTextFile(certificate),
        authorityPems: [hostAuthority.certificatePem],
      }),
    );
    await assertCall({ identity });
  });
}

Deno.test("readTeleportCredentials() refuses a certificate that has expired, at the moment it ends", async () => {
  await using folder = await temporaryFolder();
  const files = await writeTeleportFiles(folder.path);
  const fault = await refuse({ identity: files.identityExpired });
  assert.match(
    fault.text,
    /^Certificate for Teleport in '.*\/identity-expired' expired at 20\S+Z\. Sign a new one with: tctl auth sign /,
  );
  const ended = Date.parse(/expired at (\S+Z)/.exec(fault.text)![1]!);
  await refuse({ identity: files.identityExpired }, ended);
  await readTeleportCredentials({ identity: files.identityExpired }, ended - 1);
});

/** Writes a file next to the sound ones and returns its path. */
type Write = (name: string, text: string) => Promise<string>;

const REFUSALS: readonly {
  readonly title: string;
  readonly paths: (
    files: TeleportFiles,
    write: Write,
  ) => Promise<TeleportCredentialPaths> | TeleportCredentialPaths;
  readonly text: RegExp;
}[] = [
  {
    title: "an identity file that is not there",
    paths: (f) => ({ identity: `${f.identity}-nowhere` }),
    text: /^Cannot read '.*identity-nowhere': No such file/,
  },
  {
    title: "an empty identity file",
    paths: async (_f, write) => ({ identity: await write("odd", "") }),
    text: /^Cannot use the credentials in '.*\/odd': No PEM block found\. Sign a new one/,
  },
  {
    title: "an identity file of random bytes",
    paths: async (_f, write) => ({ identity: await write("odd", "\x00\xff\n-----BEGIN \x00") }),
    text: /^Cannot use the credentials in '.*\/odd': No PEM block found/,
  },
  {
    title: "an identity file that is cut off",
    paths: async (f, write) => ({
      identity: await write("odd", (await Deno.readTextFile(f.identity)).slice(0, -100)),
    }),
    text: /^Cannot use the credentials in '.*\/odd': PEM block 'CERTIFICATE' does not end\. Sign/,
  },
  {
    title: "an identity file with the key of another",
    paths: async (_f, write) => {
      const { foreign, client, hostAuthority } = await teleportCertificates();
      return {
        identity: await write(
          "odd",
          formatIdentity({
            privateKeyPem: foreign.client.privateKeyPem,
            certificatePem: client.certificatePem,
            authorityPems: [hostAuthority.certificatePem],
          }),
        ),
      };
    },
    text:
      /^Private key does not belong to the certificate in '.*\/odd'\. Certificate and key must come/,
  },
  {
    title: "an identity file with an authority that cannot be read",
    paths: async (f, write) => ({
      identity: await write(
        "odd",
        (await Deno.readTextFile(f.identity)) +
          "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      ),
    }),
    text: /^Cannot use the credentials in '.*\/odd': Certificate cannot be read/,
  },
  {
    title: "an identity file with a key that cannot be read",
    paths: async (f, write) => ({
      identity: await write(
        "odd",
        (await Deno.readTextFile(f.identity)).replace(/\n[^-]{20}/, "\nAAAA"),
      ),
    }),
    text: /^Cannot use the credentials in '.*\/odd': Private key cannot be read/,
  },
  {
    title: "a key file with another's key",
    paths: async (f, write) => ({
      certificate: f.clientCertificate,
      key: await write("odd", (await teleportCertificates()).foreign.client.privateKeyPem),
      authority: f.authorities,
    }),
    text: /^Private key does not belong to the certificate in '.*client\.crt'/,
  },
  {
    title: "a key file without a key",
    paths: (f) => ({
      certificate: f.clientCertificate,
      key: f.authorities,
      authority: f.authorities,
    }),
    text: /^Cannot use the credentials in '.*cas\.pem': No private key found/,
  },
  {
    title: "a certificate file without a certificate",
    paths: (f) => ({ certificate: f.clientKey, key: f.clientKey, authority: f.authorities }),
    text: /^Cannot use the credentials in '.*client\.key': No certificate found/,
  },
  {
    title: "an authority file without a certificate",
    paths: (f) => ({ certificate: f.clientCertificate, key: f.clientKey, authority: f.clientKey }),
    text: /^No certificate found in '.*client\.key'\. teleport\.ca must hold/,
  },
  {
    title: "an authority file with one that cannot be read",
    paths: async (f, write) => ({
      certificate: f.clientCertificate,
      key: f.clientKey,
      authority: await write(
        "odd",
        (await Deno.readTextFile(f.authorities)).replace(/\n[^-]{20}/, "\nAAAA"),
      ),
    }),
    text: /^Cannot use the credentials in '.*\/odd': Certificate cannot be read/,
  },
];

for (const { title, paths, text } of REFUSALS) {
  Deno.test(`readTeleportCredentials() refuses ${title}, naming the file`, async () => {
    await using folder = await temporaryFolder();
    const files = await writeTeleportFiles(folder.path);
    const write: Write = async (name, content) => {
      await Deno.writeTextFile(folder.join(name), content);
      return folder.join(name);
    };
    assert.match((await refuse(await paths(files, write))).text, text);
  });
}

/** Writes an identity with a key made by openssl. */
async function writeOpensslIdentity(
  folder: TemporaryFolder,
  make: string,
  extensions?: string,
): Promise<string> {
  const { hostAuthority, userAuthority } = await teleportCertificates();
  const key = folder.join("key");
  await openssl(...make.split(" "), key);
  const options = { folder: folder.path, key, ...(extensions === undefined ? {} : { extensions }) };
  const certificate = await signWithOpenssl(userAuthority, options);
  await Deno.writeTextFile(
    folder.join("identity"),
    formatIdentity({
      privateKeyPem: await Deno.readTextFile(key),
      certificatePem: await Deno.readTextFile(certificate),
      authorityPems: [hostAuthority.certificatePem],
    }),
  );
  return folder.join("identity");
}

Deno.test("readTeleportCredentials() refuses pairs that TLS cannot use, before they end the process", async () => {
  await using folder = await temporaryFolder();
  const versionOne = await writeOpensslIdentity(folder, "genrsa -out");
  assert.match(
    (await refuse({ identity: versionOne })).text,
    /identity': Certificate has the X\.509 version 1/,
  );
  const weak = "genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out";
  const identity = await writeOpensslIdentity(folder, weak, "extendedKeyUsage=clientAuth\n");
  assert.match((await refuse({ identity })).text, /has 1024 bits/);
  const unknown = await writeOpensslIdentity(
    folder,
    "ecparam -name prime256v1 -genkey -noout -out",
    "policyConstraints=critical,requireExplicitPolicy:0\n",
  );
  assert.match(
    (await refuse({ identity: unknown })).text,
    /identity': Certificate has an extension that is marked critical .* tctl auth sign/,
  );
});

Deno.test("readTeleportCredentials() leaves it to the server to judge who signed the certificate", async () => {
  await using folder = await temporaryFolder();
  const { identityWrongCa } = await writeTeleportFiles(folder.path);
  const credentials = await readTeleportCredentials({ identity: identityWrongCa }, Date.now());
  assert.equal(credentials.authorities.length, 1);
});

Deno.test("readTeleportCredentials() gives the user as it stands in the certificate", async () => {
  await using folder = await temporaryFolder();
  const { hostAuthority, userAuthority } = await teleportCertificates();
  const pair = await issueTestCertificate(userAuthority, {
    commonName: "bot-üser",
    usage: "client",
  });
  const identity = folder.join("identity");
  await Deno.writeTextFile(
    identity,
    formatIdentity({ ...pair, authorityPems: [hostAuthority.certificatePem] }),
  );
  assert.equal((await readTeleportCredentials({ identity }, Date.now())).user, "bot-üser");
});
