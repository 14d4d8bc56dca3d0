import assert from "node:assert/strict";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { findFreePort } from "../support/free_port.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

/** Runs the program to its end with an address that it cannot listen on. */
async function runInVain(address: string, env: Record<string, string> = {}) {
  await using peers = await startFakePeers();
  const args = ["start", "--config", peers.config];
  if (env["FDFWD_DIAGNOSTICS_ADDR"] === undefined) args.push("--diagnostics-addr", address);
  await using program = startProgram({ args, env });
  const { code } = await program.waitForExit();
  const isUntouched = await Deno.stat(peers.storage).then(() => false, () => true);
  return { code, isUntouched, said: program.stderr.join("\n"), calls: peers.auth.requests.length };
}

Deno.test("An address in use ends the start with 78, before anything is asked, sent or written", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  const { calls, code, isUntouched, said } = await runInVain(address);
  assert.deepEqual([code, calls, isUntouched], [78, 0, true]);
  assert.ok(
    said.includes(
      `Cannot listen on diagnostics-addr '${address}' (flag --diagnostics-addr): ` +
        "the address is in use. Stop what listens there",
    ),
    said,
  );
});

Deno.test("An address of another machine ends the start with 78 and says where it was set", async () => {
  const { code, said } = await runInVain("", { FDFWD_DIAGNOSTICS_ADDR: "192.0.2.1:3000" });
  assert.equal(code, 78);
  assert.match(
    said,
    /diagnostics-addr '192\.0\.2\.1:3000' \(env FDFWD_DIAGNOSTICS_ADDR\): this machine has no such address/,
  );
});

for (const address of ["localhost", "[::1]"]) {
  Deno.test(`diagnostics-addr takes ${address}, and the log says where to look`, async () => {
    await using peers = await startFakePeers();
    const port = findFreePort();
    await using program = startProgram({
      args: ["start", "--config", peers.config, "--diagnostics-addr", `${address}:${port}`],
    });
    await program.waitForLine(/Diagnostics are served/);
    const answer = await fetch(`http://${address}:${port}/livez`);
    assert.deepEqual([answer.status, await answer.text()], [200, "ok\n"]);
  });
}

Deno.test("Without diagnostics-addr nothing listens", async () => {
  await using peers = await startFakePeers();
  await using program = startProgram({ args: ["start", "--config", peers.config] });
  await program.waitForLine(/Caught up/);
  assert.ok(!program.stderr.some((line) => line.includes("Diagnostics")));
});

Deno.test("A second handler on the same address says so and leaves the first one alone", async () => {
  await using peers = await startFakePeers();
  const client = new DiagnosticsClient();
  await using _first = startProgram({
    args: ["start", "--config", peers.config, ...client.args],
  });
  await client.waitForReady();
  const second = await runInVain(`127.0.0.1:${client.port}`);
  assert.equal(second.code, 78);
  await client.waitForReady();
});

Deno.test({
  name: "SIGUSR1 writes the state of the run into the log, as often as it is asked",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using peers = await startFakePeers();
    for (const [severity, level] of [["info", "INFO"], ["error", "ERRO"]]) {
      await using program = startProgram({
        args: ["start", "--config", peers.config, "--log-severity", severity!],
      });
      if (severity === "info") await program.waitForLine(/Caught up/);
      else await peers.auth.waitForRequests(peers.auth.requests.length + 1);
      program.kill("SIGUSR1");
      await program.waitForLine(new RegExp(`^${level}.* State Teleport: +${peers.auth.address},`));
      await program.waitForLine(/State Quarantine: +0 events/);
      program.kill("SIGTERM");
      assert.equal((await program.waitForExit()).code, 0);
    }
  },
});
