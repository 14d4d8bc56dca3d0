import assert from "node:assert/strict";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { findFreePort } from "../support/free_port.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Runs `healthcheck` to its end. */
async function healthcheck(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: readonly string[]; stderr: readonly string[] }> {
  await using program = startProgram({ args: ["healthcheck", ...args], env });
  const { code } = await program.waitForExit();
  return { code: code!, stdout: program.stdout, stderr: program.stderr };
}

/** Says what it is told to whoever asks. */
function serve(answer: (request: Request) => Response | Promise<Response>, hostname = "127.0.0.1") {
  const asked: string[] = [];
  const server = Deno.serve({ hostname, port: 0, onListen() {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return answer(request);
  });
  return { asked, port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("healthcheck says in one line that a running handler is alive, and that it is ready", async () => {
  await using peers = await startFakePeers();
  const diagnostics = new DiagnosticsClient();
  await using handler = startProgram({
    args: ["start", "--config", peers.config, ...diagnostics.args],
  });
  await diagnostics.waitForReady();
  // The handler's own settings file, in which other settings stand.
  const args = ["--config", peers.config, ...diagnostics.args];
  assert.deepEqual(await healthcheck(args), {
    code: 0,
    stdout: [`${diagnostics.url("/livez")} says ok`],
    stderr: [],
  });
  assert.deepEqual(await healthcheck([...args, "--ready"]), {
    code: 0,
    stdout: [`${diagnostics.url("/readyz")} says ok`],
    stderr: [],
  });
  handler.kill("SIGTERM");
  await handler.waitForExit();
  const after = await healthcheck(args);
  assert.equal(after.code, 1);
});

Deno.test("healthcheck --ready ends with 1 and names the conditions that fail, while healthcheck ends with 0", async () => {
  await using server = serve((request) =>
    request.url.endsWith("/readyz")
      ? new Response(
        "[+]teleport ok\n[-]receiver failed: it is away\n[-]store failed: full\nreadyz check failed\n",
        { status: 503 },
      )
      : new Response("ok\n")
  );
  const args = ["--diagnostics-addr", `127.0.0.1:${server.port}`];
  assert.equal((await healthcheck(args)).code, 0);
  const { code, stderr } = await healthcheck(["--ready", ...args]);
  assert.equal(code, 1);
  assert.deepEqual(stderr, [
    `teleport-event-handler: http://127.0.0.1:${server.port}/readyz says 503: ` +
    "receiver failed: it is away; store failed: full",
  ]);
});

for (const [wildcard, host] of [["0.0.0.0", "127.0.0.1"], ["[::]", "[::1]"]] as const) {
  Deno.test(`healthcheck asks ${wildcard} at ${host}`, async () => {
    await using server = serve(() => new Response("ok\n"), host.replaceAll(/[\[\]]/g, ""));
    const { code, stdout } = await healthcheck([
      "--diagnostics-addr",
      `${wildcard}:${server.port}`,
    ]);
    assert.deepEqual([code, stdout], [0, [`http://${host}:${server.port}/livez says ok`]]);
  });
}

Deno.test("healthcheck takes the address from the settings file that FDFWD_CONFIG names, and judges no other setting", async () => {
  await using server = serve(() => new Response("ok\n"));
  await using folder = await temporaryFolder();
  const config = folder.join("handler.toml");
  await Deno.writeTextFile(
    config,
    `diagnostics-addr = "127.0.0.1:${server.port}"\nbatch = "many"\n`,
  );
  const { code, stderr } = await healthcheck([], { FDFWD_CONFIG: config });
  assert.deepEqual([code, stderr], [0, []]);
});

Deno.test("healthcheck goes past the proxy that the environment names", async () => {
  await using proxy = serve(() => new Response("ok\n"));
  const { code } = await healthcheck(["--diagnostics-addr", `127.0.0.1:${findFreePort()}`], {
    HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
    http_proxy: `http://127.0.0.1:${proxy.port}`,
  });
  assert.deepEqual([code, proxy.asked], [1, []]);
});

Deno.test("healthcheck ends with 1 after 3 seconds without an answer, and with one that never ends", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using endless = serve(() =>
    new Response(
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(4096)) }),
    )
  );
  const startedMs = performance.now();
  const [quiet, long] = await Promise.all(
    [silent.addr.port, endless.port].map((port) =>
      healthcheck(["--diagnostics-addr", `127.0.0.1:${port}`])
    ),
  );
  assert.equal(quiet!.code, 1);
  assert.match(quiet!.stderr.join(), /No answer from .*\/livez: 3 s have passed/);
  assert.equal(long!.code, 1);
  assert.match(long!.stderr.join(), /The answer is too long/);
  assert.ok(performance.now() - startedMs < 15_000);
});

Deno.test("healthcheck ends with 78 and says what to do when there is no address to ask", async () => {
  const { code, stderr } = await healthcheck([]);
  assert.equal(code, 78);
  assert.match(stderr.join(), /diagnostics-addr is not set\. Set diagnostics-addr = /);
});

Deno.test("healthcheck ends with 2 for an unknown flag, and with 78 for a file that is not there", async () => {
  assert.equal((await healthcheck(["--redy"])).code, 2);
  const { code, stderr } = await healthcheck([], { FDFWD_CONFIG: "/nowhere/handler.toml" });
  assert.equal(code, 78);
  assert.match(stderr.join("\n"), /FDFWD_CONFIG/);
});

Deno.test("healthcheck --help says what the exit codes mean, and fits into 100 columns", async () => {
  const { code, stdout } = await healthcheck(["--help"]);
  assert.equal(code, 0);
  assert.match(stdout.join("\n"), /Exit code: 0 yes; 1 no, or no answer/);
  for (const line of stdout) assert.ok(line.length <= 100, line);
});
