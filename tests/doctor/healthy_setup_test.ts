import assert from "node:assert/strict";
import { KvPositionStore } from "../../src/state/kv_position_store.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";
import { runDoctorJson } from "./run_doctor.ts";

Deno.test("doctor finds nothing wrong with peers that work, and posts no event", async () => {
  const events = buildEvents({ count: 10, startMs: Date.now() - 60_000, spanMs: 30_000 });
  await using peers = await startFakePeers({ events });
  const run = await runDoctorJson(peers.config);
  assert.deepEqual(run.checks.filter(({ status }) => status === "failed"), []);
  assert.equal(run.code, 0);
  assert.match(run.check("teleport-role").finding, /^Events may be read; the newest is of \d{4}-/);
  assert.match(run.check("teleport-export").finding, /^By pages; the server has no bulk export$/);
  assert.match(run.check("fluentd-answer").finding, /^An empty list of events is taken/);
  assert.deepEqual(peers.receiver.requests.map(({ path }) => path), ["/test.log"]);
  assert.equal(new TextDecoder().decode(peers.receiver.requests[0]!.body), "[]");
  assert.deepEqual(peers.receiver.events, []);
});

Deno.test("doctor leaves no file behind, and none changed", async () => {
  await using peers = await startFakePeers();
  const before = await listFiles(peers.folder);
  await runDoctorJson(peers.config);
  assert.deepEqual(await listFiles(peers.folder), before);

  await Deno.mkdir(`${peers.storage}/quarantine`, { recursive: true });
  {
    using store = await KvPositionStore.open(`${peers.storage}/state.kv`, Date.now());
    const position = encodeLogPosition(startOfLog(Date.now() - 3 * 86_400_000));
    await store.commit({ streamId: "log", position });
  }
  await Deno.writeTextFile(`${peers.storage}/quarantine/events.jsonl`, "{}\n{}\n{}");
  const withState = await listFiles(peers.folder);
  await using temporary = await temporaryFiles();
  const run = await runDoctorJson(peers.config, [], { TMPDIR: temporary.path });
  assert.deepEqual(await listFiles(peers.folder), withState);
  assert.deepEqual(await listFiles(temporary.path), []);
  assert.match(run.check("state").finding, /^Goes on from \d{4}-.*Z, 3 days behind$/);
  assert.match(run.check("quarantine").finding, /^3 events that Fluentd rejected are kept in/);
  assert.equal(run.code, 0);
});

Deno.test("doctor says that the state of a Go handler is taken over, and what of it is damaged", async () => {
  await using peers = await startFakePeers();
  await Deno.mkdir(peers.storage, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(`${peers.storage}/start_time`, "2026-01-01T00:00:00Z");
  await Deno.writeTextFile(`${peers.storage}/id`, "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc");
  const { finding, details, status } = (await runDoctorJson(peers.config)).check("state");
  assert.deepEqual([status, finding], [
    "ok",
    "Nothing is stored yet: the first start takes over the state of the Go handler",
  ]);
  assert.ok(details?.includes("id: 0b5f2a3e-faa5-4d77-ab6e-362bca0994fc"), details?.join("\n"));
  await Deno.writeTextFile(`${peers.storage}/id`, "0b5f 2a3e");
  const damaged = (await runDoctorJson(peers.config)).check("state");
  assert.equal(damaged.status, "warning");
  assert.match(damaged.details?.[0] ?? "", /^The Go handler's file 'id' holds no id of an event/);
});

Deno.test("doctor reads the position of a handler that runs, and names the handler", async () => {
  await using peers = await startFakePeers();
  await using handler = startProgram({ args: ["start", "--config", peers.config] });
  await handler.waitForLine(/Caught up/);
  const run = await runDoctorJson(peers.config);
  assert.match(
    run.check("storage-lock").finding,
    new RegExp(`in use by the handler with pid ${handler.pid}$`),
  );
  assert.match(run.check("state").finding, /^(Goes on from|Nothing is stored yet)/);
  handler.kill("SIGTERM");
  assert.equal((await handler.waitForExit()).code, 0);
});

Deno.test("doctor warns of secrets that everybody may read, with the command against it", async () => {
  await using peers = await startFakePeers();
  await Deno.chmod(peers.files.clientKey, 0o644);
  const { advice, finding, status } = (await runDoctorJson(peers.config)).check("files");
  assert.equal(status, "warning");
  assert.match(
    finding,
    /^Everybody on this machine may read the secret '.*fluentd-client\.key' \(mode 0644\)$/,
  );
  assert.equal(advice, `chmod 600 ${peers.files.clientKey}`);
});

Deno.test("doctor prints a line for each check, with what to do below it", async () => {
  await using peers = await startFakePeers();
  await using program = startProgram({
    args: [
      "doctor",
      "--config",
      peers.config,
      "--teleport-identity",
      peers.files.teleport.identityExpired,
    ],
  });
  assert.equal((await program.waitForExit()).code, 78);
  const at = program.stdout.findIndex((line) =>
    /^failed +Teleport credentials +Certificate/.test(line)
  );
  assert.match(program.stdout[at + 1]!, /^ +-> Sign a new one with: tctl auth sign/);
  assert.match(
    program.stdout.join("\n"),
    /^skipped +Teleport server +Not tried: see Teleport credentials$/m,
  );
  assert.match(program.stdout.at(-1)!, /1 failed, \d skipped\. A start would not work/);
  assert.deepEqual(program.stderr, []);
});

Deno.test("No output of doctor holds a private key or a passphrase", async () => {
  await using peers = await startFakePeers();
  const passphrase = "correct horse battery staple";
  const run = await runDoctorJson(peers.config, ["--debug"], {
    FDFWD_FLUENTD_KEY_PASSPHRASE: passphrase,
  });
  assert.ok(!run.output.includes(passphrase));
  for (const path of [peers.files.clientKey, peers.files.teleport.identity]) {
    const lines = (await Deno.readTextFile(path)).split("\n").filter((line) => line.length > 40);
    for (const line of lines) assert.ok(!run.output.includes(line), "a line of a key was printed");
  }
});

/** Path, length and time of the last change of every file in a folder. */
async function listFiles(folder: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { isDirectory, name } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const { mtime, size } = await Deno.stat(path);
    if (isDirectory) lines.push(path, ...await listFiles(path));
    else lines.push(`${path} ${size} ${mtime?.toISOString()}`);
  }
  return lines.sort();
}

async function temporaryFiles(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
