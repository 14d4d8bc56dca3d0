import assert from "node:assert/strict";
import type { Authority } from "../../src/tls/issue_certificates.ts";

/** Runs openssl and returns what it said on both outputs; fails when it says no. */
export async function openssl(...args: readonly string[]): Promise<string> {
  const result = await new Deno.Command("openssl", { args: [...args], stdin: "null" }).output();
  const text = new TextDecoder();
  const output = text.decode(result.stdout) + text.decode(result.stderr);
  assert.ok(result.success, `openssl ${args.join(" ")}: ${output}`);
  return output;
}

/** What openssl shall certify. */
export interface OpensslCertificateOptions {
  /** Where the authority's files, the request and the certificate go. */
  readonly folder: string;
  /** File of the private key. */
  readonly key: string;
  /** Passphrase of the key. */
  readonly passphrase?: string;
  /** Text of the extensions; none makes a certificate of version 1. */
  readonly extensions?: string;
}

/** Lets openssl sign a client certificate for a key; returns its path. */
export async function signWithOpenssl(
  authority: Authority,
  options: OpensslCertificateOptions,
): Promise<string> {
  const { folder, key, passphrase, extensions } = options;
  const at = (name: string) => `${folder}/${name}`;
  await Deno.writeTextFile(at("authority.crt"), authority.certificatePem);
  await Deno.writeTextFile(at("authority.key"), authority.privateKeyPem);
  await Deno.writeTextFile(at("extensions"), extensions ?? "");
  await openssl(
    ...["req", "-new", "-key", key, "-subj", "/CN=teleport-event-handler"],
    ...["-out", at("request.csr"), "-passin", `pass:${passphrase ?? ""}`],
  );
  await openssl(
    ...["x509", "-req", "-in", at("request.csr"), "-out", at("signed.crt"), "-days", "2"],
    ...["-CA", at("authority.crt"), "-CAkey", at("authority.key"), "-CAcreateserial"],
    ...(extensions === undefined ? [] : ["-extfile", at("extensions")]),
  );
  return at("signed.crt");
}
