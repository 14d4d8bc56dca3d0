import assert from "node:assert/strict";
import { encryptPrivateKey } from "../../src/tls/encrypt_private_key.ts";
import { type Authpeer, startAuthpeer } from "../support/authpeer.ts";
import { startAuthpeerRig } from "../support/authpeer_rig.ts";
import {
  fluentdCertificates,
  issueFluentdCertificates,
  issueTestCertificate,
} from "../support/certificates.ts";
import { buildEvent } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startFluentd } from "../support/fluentd.ts";
import { judge } from "../support/judge.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import type { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const LOOKING = ["--teleport-refresh-interval", "200ms"];
const SINCE = ["--start-time", "2021-01-01T00:00:00Z"];

/** Writes a file in place of the old one, as most tools do: another file, then a rename. */
async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

function troubles(program: TestProcess): string[] {
  return program.stderr.filter((line) => /^(WARN|ERRO)/.test(line));
}

interface Connections {
  readonly connections: readonly { readonly serial: string }[];
}

/** Rotates what authpeer gives to its client; returns the serial number of the new certificate. */
async function rotate(authpeer: Authpeer, body: Record<string, unknown>): Promise<string> {
  const answer = await authpeer.control<{ client_serial: string }>("/rotate", body);
  return answer.client_serial;
}

/**
 * Resolves when the handler has connections with this certificate and no other. `turn` resolves when
 * something has come in, so that nobody asks in a busy loop.
 */
async function waitForSerial(
  authpeer: Authpeer,
  serial: string,
  turn: () => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < 300; i++) {
    const { connections } = await authpeer.control<Connections>("/connections");
    if (connections.length > 0 && connections.every((one) => one.serial === serial)) return;
    await turn();
  }
  assert.fail(`No connection with the certificate ${serial} alone`);
}

for (const mode of ["legacy", "bulk"]) {
  peerTest(
    `A renewed identity and a rotated authority are taken under load (${mode}): nothing is lost, repeated or broken off`,
    { needs: ["AUTHPEER"] },
    async () => {
      await using rig = await startAuthpeerRig({
        flags: { mode, events: 500, days: 2, sessions: 6, "session-events": 400 },
        extra: { "skip-session-types": '""' },
      });
      const { authpeer, receiver } = rig;
      await using program = startProgram({ args: ["start", "--config", rig.config, ...LOOKING] });
      await receiver.waitForEvents(1);
      await authpeer.control("/rate", { rate: 100 });
      const turn = () => receiver.waitForRequests(receiver.requests.length + 1);
      for (const body of [{}, { ca: true }, {}, { ca: true }]) {
        await waitForSerial(authpeer, await rotate(authpeer, body), turn);
      }
      const events = await authpeer.stopAppending();
      await authpeer.control("/seal", {});
      const sessions = [...(await rig.readSessions()).values()].filter((one) => !one.missing);
      const recorded = sessions.reduce((sum, session) => sum + session.events, 0);
      await receiver.waitForEvents(events.length + recorded);
      assert.deepEqual(troubles(program), []);
      const lines = (pattern: RegExp) => program.stderr.filter((line) => pattern.test(line)).length;
      assert.equal(lines(/Certificate for Teleport was replaced/), 4);
      assert.equal(lines(/Authority of the Teleport cluster was replaced/), 2);
      assert.equal(receiver.events.length, events.length + recorded);
      const uids = new Set(receiver.fieldsOf("/test.log").map((fields) => fields["uid"]));
      for (const event of events) assert.ok(uids.has(event.id), `Event ${event.id} is missing`);
      assert.equal(uids.size, events.length);
      program.kill("SIGTERM");
      assert.equal((await program.waitForExit()).code, 0, program.stderr.slice(-5).join("\n"));
    },
  );
}

peerTest(
  "Key trio, Fluentd pair with its passphrase, and Fluentd's authority are rotated under load, and nothing is lost",
  { needs: ["AUTHPEER", "FLUENTD_OLDEST"] },
  async () => {
    await using folder = await temporaryFolder();
    await Deno.mkdir(folder.join("auth"));
    await Deno.mkdir(folder.join("fluentd"));
    await using authpeer = await startAuthpeer({
      dir: folder.join("auth"),
      flags: { mode: "legacy", events: 500 },
    });
    await using fluentd = await startFluentd({
      executable: peerPath("FLUENTD_OLDEST"),
      folder: folder.join("fluentd"),
    });
    const { files } = fluentd;
    const { authority, client } = await fluentdCertificates();
    // The handler's own copies, so that Fluentd keeps its authority.
    const [ca, passphrase] = [folder.join("ca.crt"), folder.join("passphrase")];
    await Deno.copyFile(files.authority, ca);
    await replace(passphrase, "first passphrase\n");
    await replace(
      files.clientKey,
      await encryptPrivateKey(client.privateKeyPem, "first passphrase"),
    );
    const config = await writeSettings({
      folder: folder.path,
      address: authpeer.address,
      identity: authpeer.file("identity"),
      url: (path) => fluentd.url(path),
      files: { ...files, authority: ca },
    });
    const trio = `cert = "${authpeer.file("client.crt")}"
key = "${authpeer.file("client.key")}"
ca = "${authpeer.file("cas.pem")}"`;
    const text = await Deno.readTextFile(config);
    await Deno.writeTextFile(config, text.replace(/^identity = .*$/m, trio));
    await using program = startProgram({
      args: [
        ...["start", "--config", config, ...LOOKING, ...SINCE],
        ...["--fluentd-key-passphrase-file", passphrase],
      ],
    });
    await program.waitForLine(/Caught up/);
    await authpeer.control("/rate", { rate: 100 });

    let count = 500;
    const turn = async () => void (count = (await fluentd.waitForRecords(count + 50)).length);
    await waitForSerial(authpeer, await rotate(authpeer, { ca: true }), turn);

    const renewed = await issueTestCertificate(authority, {
      commonName: "renewed",
      usage: "client",
    });
    await replace(passphrase, "second passphrase\n");
    await replace(
      files.clientKey,
      await encryptPrivateKey(renewed.privateKeyPem, "second passphrase"),
    );
    await replace(files.clientCertificate, renewed.certificatePem);
    await program.waitForLine(/Client certificate for Fluentd was replaced.*subject=renewed/);
    await turn();
    assert.deepEqual(troubles(program), []);

    // Both authorities first, then the server's certificate of the new one, then the new one alone.
    const next = await issueFluentdCertificates();
    await replace(ca, authority.certificatePem + next.authority.certificatePem);
    await program.waitForLine(/Authority in fluentd\.ca was replaced/);
    await turn();
    assert.deepEqual(troubles(program), []);
    await Deno.writeTextFile(files.serverCertificate, next.server.certificatePem);
    await Deno.writeTextFile(files.serverKey, next.server.privateKeyPem);
    await fluentd.restart();
    await turn();
    await replace(ca, next.authority.certificatePem);
    const authorityLines = () =>
      program.stderr.filter((line) => /Authority in fluentd\.ca was replaced/.test(line)).length;
    while (authorityLines() < 2) await turn();
    await turn();

    const events = await authpeer.stopAppending();
    // The restart of Fluentd may have brought some twice.
    let records = await fluentd.waitForRecords(events.length);
    while (new Set(records.map((record) => record["uid"])).size < events.length) {
      records = await fluentd.waitForRecords(records.length + 1);
    }
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
    await fluentd.stop();
    const { repeats } = judge(events, await fluentd.readRecords("test.log"));
    assert.ok(repeats <= 1000, `${repeats} repeats by the restart of Fluentd`);
    assert.ok(!troubles(program).some((line) => /stay in use|certificate/i.test(line)));
  },
);

peerTest(
  "Credentials that expire in use are told of, end nothing, and new ones are taken when they come",
  { needs: ["AUTHPEER"] },
  async () => {
    await using rig = await startAuthpeerRig({ flags: { mode: "legacy", events: 5 } });
    const { authpeer, files, receiver } = rig;
    const { authority } = receiver.certificates;
    const renewClient = async (commonName: string, lifetimeMs: number) => {
      const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + lifetimeMs };
      const options = { commonName, usage: "client", ...validity } as const;
      const { certificatePem, privateKeyPem } = await issueTestCertificate(authority, options);
      await replace(files.clientCertificate, certificatePem);
      await replace(files.clientKey, privateKeyPem);
    };
    await rotate(authpeer, { ttl_seconds: 8 });
    await renewClient("short-lived", 8000);
    await using program = startProgram({ args: ["start", "--config", rig.config, ...LOOKING] });
    await receiver.waitForEvents(5);
    await program.waitForLine(
      /^WARN.*Certificate for Teleport ends in less than a minute\. Sign a new one/,
    );
    await program.waitForLine(
      /^ERRO.*Certificate for Teleport has expired\. Sign a new one.*until=/,
    );
    await program.waitForLine(/^ERRO.*Client certificate for Fluentd has expired\. Make a new one/);
    await authpeer.control("/drop-connections", {});
    await program.waitForLine(/Teleport (needs attention|is not available), trying again/);
    await authpeer.append({ count: 5 });
    await renewClient("long-lived", 86_400_000);
    await program.waitForLine(/Client certificate for Fluentd was replaced.*subject=long-lived/);
    await rotate(authpeer, {});
    await receiver.waitForEvents(10, 40_000);
    assert.equal(receiver.requests.at(-1)!.client, "long-lived");
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
  },
);

Deno.test("A pipe in place of a credential file holds up neither events nor the stop, and is told of", async () => {
  await using peers = await startFakePeers();
  await using program = startProgram({ args: ["start", "--config", peers.config, ...LOOKING] });
  await program.waitForLine(/Caught up/);
  await Deno.remove(peers.files.authority);
  // The runtime stands still when it opens a pipe that nobody writes to.
  const { success } = await new Deno.Command("mkfifo", { args: [peers.files.authority] }).output();
  assert.ok(success);
  for (let i = 1; i <= 5; i++) {
    peers.auth.append([buildEvent({ timeMs: Date.now() })]);
    await peers.receiver.waitForEvents(i);
  }
  await program.waitForLine(/WARN.*Cannot read '.*fluentd-ca\.crt' again: it is no regular file/);
  program.kill("SIGTERM");
  assert.equal((await program.waitForExit()).code, 0);
});
