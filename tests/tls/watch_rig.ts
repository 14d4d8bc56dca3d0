import assert from "node:assert/strict";
import { readFluentdKeyPassphrase } from "../../src/config/passphrase.ts";
import { readReceiverTls } from "../../src/fluentd/credentials.ts";
import { describeReceiverCredentials } from "../../src/fluentd/describe_credentials.ts";
import type { ReceiverTls } from "../../src/fluentd/lane.ts";
import { CredentialBook } from "../../src/tls/credential_book.ts";
import type { CredentialFiles } from "../../src/tls/credential_files.ts";
import { encryptPrivateKey } from "../../src/tls/encrypt_private_key.ts";
import type { IssuedCertificate } from "../../src/tls/issue_certificates.ts";
import { watchCredentials } from "../../src/tls/watch_credentials.ts";
import { fluentdCertificates, issueTestCertificate } from "../support/certificates.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLogger } from "../support/recording_logger.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const INTERVAL_MS = 10_000;

/** A client certificate of the receiver's authority. */
export async function issue(
  commonName: string,
  validity: { notBeforeMs?: number; notAfterMs?: number } = {},
): Promise<IssuedCertificate> {
  const { authority } = await fluentdCertificates();
  return await issueTestCertificate(authority, { commonName, usage: "client", ...validity });
}

/** Client pair and authority of a receiver in a folder, and a watch over them. */
export async function startWatch(options: { readonly passphrase?: string } = {}) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder());
  const { authority } = await fluentdCertificates();
  const first = await issue("first");
  const paths = [folder.join("ca.crt"), folder.join("tls.crt"), folder.join("tls.key")] as const;
  const passphraseFile = options.passphrase === undefined ? undefined : folder.join("passphrase");
  await Deno.writeTextFile(paths[0], authority.certificatePem);
  await Deno.writeTextFile(paths[1], first.certificatePem);
  await Deno.writeTextFile(
    paths[2],
    options.passphrase === undefined
      ? first.privateKeyPem
      : await encryptPrivateKey(first.privateKeyPem, options.passphrase),
  );
  if (passphraseFile !== undefined) await Deno.writeTextFile(passphraseFile, options.passphrase!);
  const tlsPaths = {
    authority: paths[0],
    client: { certificate: paths[1], key: paths[2] },
  };
  const read = async (files: CredentialFiles, nowMs: number) => {
    const fluentdKeyPassphraseFile = passphraseFile;
    const passphrase = await readFluentdKeyPassphrase({
      fluentdKeyPassphrase: undefined,
      fluentdKeyPassphraseFile,
    }, files);
    const client = { ...tlsPaths.client, passphrase };
    return await readReceiverTls({ ...tlsPaths, client }, nowMs, files);
  };
  const clock = new FakeClock(Date.now());
  const logger = new RecordingLogger();
  const book = new CredentialBook(clock);
  const inUse = await read({ readText: (path) => Deno.readTextFile(path) }, clock.nowMs());
  const describe = (tls: ReceiverTls) => describeReceiverCredentials(tlsPaths, tls);
  book.enter("Fluentd", describe(inUse));
  const taken: string[] = [];
  const onNew = (tls: ReceiverTls) => void taken.push(tls.client!.cert + tls.client!.key);
  const ended = new AbortController();
  const watching = watchCredentials({
    peer: "Fluentd",
    paths: passphraseFile === undefined ? paths : [...paths, passphraseFile],
    ...{ inUse, read, describe, onNew, book, clock, logger, intervalMs: INTERVAL_MS },
  }, ended.signal);
  const held = stack.move();
  return {
    folder,
    path: { authority: paths[0], certificate: paths[1], key: paths[2] },
    ...{ first, clock, logger, book, taken },
    /** Lets the watch look at the files so many times. */
    async look(times = 1) {
      for (let i = 0; i < times; i++) {
        await clock.waitForSleepers();
        await clock.advance(clock.nextWakeMs!);
        await clock.waitForSleepers();
      }
    },
    async [Symbol.asyncDispose]() {
      ended.abort();
      await watching;
      await held.disposeAsync();
    },
  };
}

/** What `startWatch` gives. */
export type Rig = Awaited<ReturnType<typeof startWatch>>;

/** Writes a file in place of the old one by a rename. */
export async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

/** The runtime itself makes symbolic links only where it may write everywhere. */
export async function link(target: string, path: string): Promise<void> {
  const { success } = await new Deno.Command("ln", { args: ["-s", target, path] }).output();
  assert.ok(success);
}

/** Replaces certificate and key, one after the other. */
export async function replacePair(rig: Rig, pair: IssuedCertificate): Promise<void> {
  await replace(rig.path.certificate, pair.certificatePem);
  await replace(rig.path.key, pair.privateKeyPem);
}

/** The pairs as `Rig.taken` has them. */
export function taken(...pairs: IssuedCertificate[]): string[] {
  return pairs.map((pair) => pair.certificatePem + pair.privateKeyPem);
}
