import assert from "node:assert/strict";
import { startFluentd } from "../support/fluentd.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { TestProcess } from "../support/process.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

function shell(script: string): TestProcess {
  return new TestProcess({ command: "sh", args: ["-c", script] });
}

Deno.test("TestProcess gives the lines of both outputs and the exit code", async () => {
  await using process = shell("echo one; echo two >&2; printf three >&2; exit 7");
  assert.equal(await process.waitForLine(/three/), "three");
  assert.deepEqual(await process.waitForExit(), { code: 7, signal: null });
  assert.deepEqual([process.stdout, process.stderr], [["one"], ["two", "three"]]);
});

Deno.test("TestProcess.waitForLine() fails with all output when the process ends first", async () => {
  await using process = shell("echo reason >&2; exit 1");
  await assert.rejects(process.waitForLine(/never/), /ended without a line like[^]*reason/);
});

Deno.test("TestProcess.kill() ends a process by the signal given", async () => {
  await using process = shell("echo up; exec tail -f /dev/null");
  await process.waitForLine(/up/, { from: "stdout" });
  process.kill("SIGKILL");
  const { signal } = await process.waitForExit();
  assert.equal(signal, "SIGKILL");
  process.kill("SIGTERM");
});

for (const variable of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"] as const) {
  peerTest(`Fluentd keeps all records in order over a restart (${variable})`, {
    needs: [variable],
  }, async () => {
    await using folder = await temporaryFolder();
    await using fluentd = await startFluentd({
      executable: peerPath(variable),
      folder: folder.path,
    });
    const { authority, clientCertificate, clientKey } = fluentd.files;
    using client = Deno.createHttpClient({
      caCerts: [await Deno.readTextFile(authority)],
      cert: await Deno.readTextFile(clientCertificate),
      key: await Deno.readTextFile(clientKey),
    });
    const post = async (numbers: readonly number[], sender: Deno.HttpClient) => {
      const response = await fetch(fluentd.url("/audit/x.log"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(numbers.map((n) => ({ n, time: "2026-01-01T00:00:00.5Z" }))),
        client: sender,
      });
      await response.bytes();
      assert.equal(response.status, 200, fluentd.log);
    };
    const numbers = Array.from({ length: 60 }, (_, n) => n);
    for (let n = 0; n < 30; n += 3) await post(numbers.slice(n, n + 3), client);
    await fluentd.waitForRecords(30);
    await fluentd.restart();
    using fresh = Deno.createHttpClient({
      caCerts: [await Deno.readTextFile(authority)],
      cert: await Deno.readTextFile(clientCertificate),
      key: await Deno.readTextFile(clientKey),
    });
    for (let n = 30; n < 60; n += 3) await post(numbers.slice(n, n + 3), fresh);
    await fluentd.stop();
    const records = await fluentd.readRecords("audit.x.log");
    assert.deepEqual(
      records,
      numbers.map((n) => ({ n, time: "2026-01-01T00:00:00.5Z" })),
    );
  });
}
