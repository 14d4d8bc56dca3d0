/** Each condition of /readyz is made to fail and to hold again, and the program says which. */
import assert from "node:assert/strict";
import {
  formatIdentity,
  issueTestCertificate,
  teleportCertificates,
} from "../support/certificates.ts";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { buildEvent } from "../support/events.ts";
import { type FakePeersOptions, startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

/** Both fakes, a handler that reads them, and somebody who asks it. */
async function startAll(options: FakePeersOptions = {}, args: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const peers = stack.use(await startFakePeers(options));
  const client = new DiagnosticsClient();
  const start = () =>
    stack.use(startProgram({ args: ["start", "--config", peers.config, ...client.args, ...args] }));
  const program = start();
  const held = stack.move();
  const append = (event = buildEvent({ timeMs: Date.now() })) => peers.auth.append([event]);
  return { ...peers, append, client, program, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

Deno.test("A handler that waits for Teleport lives and is not ready, and is so once it answers", async () => {
  await using all = await startAll();
  const { auth, client } = all;
  await client.waitForReady();
  await auth.refuse();
  const said = await client.waitForFailing("teleport");
  assert.match(said, /Cannot read the audit log.*\(stream log, \d+ failed attempts?\)/);
  for (const path of ["/livez", "/healthz"]) {
    const { status, text } = await client.get(path);
    assert.deepEqual([status, text], [200, "ok\n"]);
  }
  await auth.accept();
  await client.waitForReady();
});

Deno.test("A handler that Teleport has never answered is not ready", async () => {
  await using peers = await startFakePeers();
  await peers.auth.refuse();
  const client = new DiagnosticsClient();
  await using _program = startProgram({
    args: ["start", "--config", peers.config, ...client.args],
  });
  await client.waitForFailing("teleport");
  await peers.auth.accept();
  await client.waitForReady();
});

Deno.test("A handler whose events Fluentd does not take is not ready until it takes them", async () => {
  await using all = await startAll();
  const { append, client, receiver } = all;
  await client.waitForReady();
  await receiver.refuse();
  append();
  assert.match(await client.waitForFailing("receiver"), /Connection refused/i);
  await receiver.accept();
  await client.waitForReady();
});

Deno.test("A handler that posts to a wrong path is told so by /readyz", async () => {
  await using all = await startAll();
  const { append, client, receiver } = all;
  await client.waitForReady();
  receiver.answerNext({ status: 404 });
  append();
  assert.match(await client.waitForFailing("receiver-setup"), /404/);
  await client.waitForReady();
});

Deno.test("A handler that cannot write to its storage is not ready until it can", async () => {
  await using all = await startAll();
  const { append, client, receiver, storage } = all;
  await client.waitForReady();
  // Where the folder of the quarantine is to be lies a file.
  await Deno.writeTextFile(`${storage}/quarantine`, "");
  const refused = buildEvent({ timeMs: Date.now() });
  receiver.rejectIf(({ uid }) => uid === refused.id);
  append(refused);
  append();
  assert.match(await client.waitForFailing("store", 30_000), /quarantine/);
  await Deno.remove(`${storage}/quarantine`);
  await client.waitForReady();
  const samples = await client.scrape();
  assert.equal(samples.get("teleport_event_handler_quarantine_events"), 1);
});

Deno.test("A handler whose identity ends is not ready until there is a new one", async () => {
  await using peers = await startFakePeers();
  const { hostAuthority, userAuthority } = await teleportCertificates();
  const writeIdentity = async (notAfterMs: number) => {
    const client = await issueTestCertificate(userAuthority, {
      commonName: "handler",
      usage: "client",
      notAfterMs,
    });
    const authorityPems = [hostAuthority.certificatePem];
    const path = peers.files.teleport.identity;
    await Deno.writeTextFile(`${path}.new`, formatIdentity({ ...client, authorityPems }));
    await Deno.rename(`${path}.new`, path);
  };
  await writeIdentity(Date.now() + 4000);
  const client = new DiagnosticsClient();
  await using _program = startProgram({
    args: [
      "start",
      ...["--config", peers.config, "--teleport-refresh-interval", "100ms"],
      "--teleport-refresh-enabled",
      ...client.args,
    ],
  });
  await client.waitForReady();
  assert.match(await client.waitForFailing("credentials"), /identity.*teleport_client.*expired/);
  await writeIdentity(Date.now() + 3_600_000);
  await client.waitForReady();
});

Deno.test("A handler to which Teleport does not give what it has is not ready until it goes on", async () => {
  // Not before the first look of the handler, which begins with the present.
  const large = buildEvent({ timeMs: Date.now() + 10_000 });
  await using all = await startAll({
    auth: { isTooLarge: ({ id }) => id === large.id },
  }, ["--stall-after", "100ms"]);
  const { append, auth, client, program } = all;
  await client.waitForReady();
  append(large);
  append(buildEvent({ timeMs: large.timeMs + 1000 }));
  await program.waitForLine(/No progress/);
  // What cannot be given is searched for call by call; one of them has to wait.
  const gate = auth.holdNext();
  assert.match(await client.waitForFailing("progress"), /gives none after/);
  gate.open();
  await client.waitForReady();
});

Deno.test("A handler that stops is not ready, lives, and answers until its end", async () => {
  await using all = await startAll();
  const { append, client, program, receiver } = all;
  await client.waitForReady();
  const gate = receiver.holdNext();
  append();
  await receiver.waitForRequests(1);
  program.kill("SIGTERM");
  assert.match(await client.waitForFailing("running"), /stopping/);
  assert.equal((await client.get("/livez")).status, 200);
  gate.open();
  assert.deepEqual(await program.waitForExit(), { code: 0, signal: null });
});

Deno.test("/readyz?verbose lists each condition", async () => {
  await using all = await startAll();
  await all.client.waitForReady();
  const { status, text } = await all.client.get("/readyz?verbose");
  assert.deepEqual([status, text], [
    200,
    "[+]running ok\n[+]teleport ok\n[+]receiver ok\n[+]receiver-setup ok\n[+]store ok\n" +
    "[+]credentials ok\n[+]progress ok\nreadyz check passed\n",
  ]);
});
