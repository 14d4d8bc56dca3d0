import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { PeerCertificate } from "node:tls";
import { checkAuthServer } from "../../src/teleport/server_identity.ts";
import {
  issueTestAuthority,
  issueTestCertificate,
  teleportCertificates,
} from "../support/certificates.ts";
import { openssl } from "../support/openssl.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const NAME = "teleport.cluster.local";

/** What `node:tls` hands over of a certificate. */
function peerOf(certificatePem: string, name = NAME): PeerCertificate {
  const base64 = certificatePem.replaceAll(/-----.*-----|\s/g, "");
  return {
    raw: Buffer.from(base64, "base64"),
    subject: {},
    subjectaltname: `DNS:${name}`,
  } as never;
}

/** Keys of authorities, by what openssl makes them with. */
const AUTHORITIES: readonly [string, readonly string[]][] = [
  ["RSA", ["rsa:2048"]],
  ["P-256", ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]],
  ["P-384", ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]],
  ["Ed25519", ["ed25519"]],
];

/** Makes an authority and a server that it has signed, without identifiers of keys; returns both. */
async function makeChain(
  newKey: readonly string[],
): Promise<{ authority: string; server: string }> {
  await using folder = await temporaryFolder();
  const at = (name: string) => folder.join(name);
  const newPair = (name: string) => ["-newkey", ...newKey, "-nodes", "-keyout", at(name)];
  await Deno.writeTextFile(at("cnf"), "[req]\ndistinguished_name=dn\n[dn]\n");
  const request = ["req", "-config", at("cnf")];
  const subject = "/O=teleport.example.com/CN=teleport.example.com";
  await openssl(...request, "-x509", ...newPair("ca.key"), "-subj", subject, "-out", at("ca.crt"));
  await openssl(...request, "-new", ...newPair("key"), "-subj", "/CN=auth", "-out", at("csr"));
  await openssl(
    ...["x509", "-req", "-in", at("csr"), "-CA", at("ca.crt"), "-CAkey", at("ca.key")],
    ...["-CAcreateserial", "-out", at("crt")],
  );
  return {
    authority: await Deno.readTextFile(at("ca.crt")),
    server: await Deno.readTextFile(at("crt")),
  };
}

for (const [what, newKey] of AUTHORITIES) {
  Deno.test(`checkAuthServer() takes a server that a cluster's authority with ${what} has signed`, async () => {
    const { authority, server } = await makeChain(newKey);
    const { foreign } = await teleportCertificates();
    const authorities = [foreign.authority.certificatePem, authority];
    assert.equal(checkAuthServer(NAME, peerOf(server), authorities), undefined);
  });

  // The runtime checks the whole chain before; here it cannot check signatures on this curve.
  if (what === "P-384") continue;
  Deno.test(`checkAuthServer() refuses a server of an authority with ${what} that only bears the name of the cluster's`, async () => {
    const [cluster, impostor] = [await makeChain(newKey), await makeChain(newKey)];
    const error = checkAuthServer(NAME, peerOf(impostor.server), [cluster.authority]);
    assert.match(error!.message, /not signed by an authority of the cluster/);
  });
}

Deno.test("checkAuthServer() refuses a server of another authority", async () => {
  const { hostAuthority } = await teleportCertificates();
  for (const name of ["host authority", "someone else"]) {
    const other = await issueTestAuthority(name);
    const server = await issueTestCertificate(other, {
      ...{ commonName: "auth", usage: "server", dnsNames: [NAME] },
    });
    const error = checkAuthServer(NAME, peerOf(server.certificatePem), [
      hostAuthority.certificatePem,
    ]);
    assert.match(error!.message, /not signed by an authority of the cluster/);
  }
});

Deno.test("checkAuthServer() refuses a server of another name, and one without authorities", async () => {
  const { hostAuthority, server } = await teleportCertificates();
  const peer = peerOf(server.certificatePem, "teleport.example.com");
  assert.match(checkAuthServer(NAME, peer, [hostAuthority.certificatePem])!.message, /altnames/);
  assert.ok(checkAuthServer(NAME, peerOf(server.certificatePem), []));
});
