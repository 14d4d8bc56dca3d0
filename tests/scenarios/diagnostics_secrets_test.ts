import assert from "node:assert/strict";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { buildEvent } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

const SECRET = "hunter2";

Deno.test("Nothing that is served, nor the state in the log, holds a secret or the content of an event", async () => {
  await using peers = await startFakePeers();
  const client = new DiagnosticsClient();
  const url = `${peers.receiver.url()}?token=${SECRET}`;
  await using program = startProgram({
    args: ["start", "--config", peers.config, "--fluentd-url", url, ...client.args],
  });
  await client.waitForReady();
  // One event that is delivered, and one that waits for a receiver that is away.
  const event = buildEvent({ timeMs: Date.now(), fields: { note: SECRET } });
  peers.auth.append([event]);
  await client.waitFor("/status.json", ({ text }) => text.includes(event.id));
  await peers.receiver.refuse();
  peers.auth.append([buildEvent({ timeMs: Date.now(), fields: { note: SECRET } })]);
  await client.waitForFailing("receiver");
  program.kill("SIGUSR1");
  await program.waitForLine(/State Not ready: +receiver/);
  const keys = await Promise.all(
    [peers.files.teleport.identity, peers.files.clientKey].map((path) => Deno.readTextFile(path)),
  );
  const lines = keys.flatMap((text) => text.split("\n").filter((line) => line.length > 40));
  const state = program.stderr.filter((line) => line.includes("State ")).join("\n");
  const said = new Map([["the log", state]]);
  for (const path of ["/", "/status.json", "/metrics", "/readyz?verbose", "/livez"]) {
    said.set(path, (await client.get(path)).text);
  }
  for (const [where, text] of said) {
    assert.ok(!text.includes(SECRET), `${where} holds the secret`);
    assert.ok(!lines.some((line) => text.includes(line)), `${where} holds a part of a key`);
  }
});
