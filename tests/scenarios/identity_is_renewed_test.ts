import assert from "node:assert/strict";
import {
  formatIdentity,
  issueTestCertificate,
  teleportCertificates,
} from "../support/certificates.ts";
import { buildEvent } from "../support/events.ts";
import { type FakePeers, startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

const REFRESHING = ["--teleport-refresh-interval", "100ms"];

/** Writes an identity in place of the old one, as tbot does: another file, then a rename. */
async function replaceIdentity(peers: FakePeers, text: string): Promise<void> {
  const path = peers.files.teleport.identity;
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

async function issueIdentity(commonName: string): Promise<string> {
  const { hostAuthority, userAuthority } = await teleportCertificates();
  const client = await issueTestCertificate(userAuthority, { commonName, usage: "client" });
  return formatIdentity({ ...client, authorityPems: [hostAuthority.certificatePem] });
}

Deno.test("A renewed identity is in use from the next connection on, without a restart or a loss", async () => {
  await using peers = await startFakePeers();
  await using program = startProgram({ args: ["start", "--config", peers.config, ...REFRESHING] });
  await program.waitForLine(/Caught up/);
  await replaceIdentity(peers, await issueIdentity("renewed-handler"));
  await program.waitForLine(/Certificate for Teleport was replaced.*subject=renewed-handler/);
  peers.auth.dropConnections();
  const event = buildEvent({ timeMs: Date.now() });
  peers.auth.append([event]);
  await peers.receiver.waitForEvents(1);
  program.kill("SIGTERM");
  assert.equal((await program.waitForExit()).code, 0);
});

Deno.test("An identity that cannot be used is told of once, and the old one stays in use", async () => {
  await using peers = await startFakePeers();
  const good = await Deno.readTextFile(peers.files.teleport.identity);
  await using program = startProgram({ args: ["start", "--config", peers.config, ...REFRESHING] });
  await program.waitForLine(/Caught up/);
  await replaceIdentity(peers, good.slice(0, 500));
  await program.waitForLine(/WARN.*The old credentials for Teleport stay in use/);
  peers.auth.dropConnections();
  peers.auth.append([buildEvent({ timeMs: Date.now() })]);
  await peers.receiver.waitForEvents(1);
  await replaceIdentity(peers, await issueIdentity("third"));
  await program.waitForLine(/Certificate for Teleport was replaced/);
  assert.equal(program.stderr.filter((line) => /stay in use/.test(line)).length, 1);
});
