import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startAuthpeer } from "../support/authpeer.ts";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { TestProcess } from "../support/process.ts";
import { startProgram } from "../support/program.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { ConfiguredFluentd } from "./configured_fluentd.ts";
import { judgeInAnyOrder } from "./judge_in_any_order.ts";
import { runSetup, setupOptions } from "./setup_options.ts";

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/;

for (const destination of ["panther", "s3"] as const) {
  peerTest(
    `configure --for ${destination} brings every event whole into S3, as lines of JSON with its time`,
    { needs: ["AUTHPEER", "FLUENTD_NEWEST"] },
    async () => {
      await using folder = await temporaryFolder();
      await using authpeer = await startAuthpeer({
        dir: folder.join("teleport"),
        flags: { events: 300, days: 3 },
      });
      await using s3 = await startS3(folder.join("s3"));
      const out = folder.join("out");
      await runSetup(setupOptions(out, { address: authpeer.address, destinations: [destination] }));
      await using fluentd = await ConfiguredFluentd.start({
        executable: peerPath("FLUENTD_NEWEST"),
        folder: out,
        conf: `fluent-${destination}.conf`,
        replace: {
          '"REPLACE_aws_access_key"': '"S3RVER"',
          '"REPLACE_aws_secret_access_key"': '"S3RVER"',
          '"REPLACE_s3_bucket"': '"teleport"',
          '"REPLACE_aws_region"': `"us-east-1"
  s3_endpoint http://127.0.0.1:${s3.port}
  force_path_style true`,
        },
      });
      // Of what this test alone has put in.
      assert.deepEqual(
        fluentd.complaints.filter((line) => !line.includes("'force_path_style' parameter")),
        [],
      );
      await Deno.copyFile(authpeer.file("identity"), `${out}/identity`);
      const toml = `${out}/teleport-event-handler.toml`;
      const settings = await Deno.readTextFile(toml);
      await Deno.writeTextFile(toml, settings.replaceAll(":8888/", `:${fluentd.port}/`));
      await using program = startProgram({
        args: [
          ...["start", "--config", toml, ...new DiagnosticsClient().args],
          ...["--start-time", "2021-01-01T00:00:00Z", "--exit-on-last-event"],
        ],
      });
      const { code } = await program.waitForExit();
      assert.equal(code, 0, program.stderr.join("\n"));
      await fluentd.stop();
      const expected = await authpeer.readEvents();
      const records = await readObjects(`${folder.join("s3")}/teleport/teleport/logs`);
      assert.deepEqual(judgeInAnyOrder(expected, records), { repeats: 0 });
      for (const record of records) {
        for (const field of ["event", "code", "time"]) assert.equal(typeof record[field], "string");
        assert.match(String(record["time"]), RFC_3339);
      }
    },
  );
}

/** Starts an S3-compatible server from npm with a bucket `teleport`. */
async function startS3(directory: string): Promise<AsyncDisposable & { readonly port: number }> {
  const process = new TestProcess({
    command: Deno.execPath(),
    args: [
      ...["run", "--quiet", "--no-prompt", "--allow-all"],
      `--config=${fileURLToPath(new URL("../../deno.json", import.meta.url))}`,
      ...[fileURLToPath(new URL("s3_server.ts", import.meta.url)), directory],
    ],
  });
  try {
    const line = await process.waitForLine(/^listening on \d+$/, {
      from: "stdout",
      timeoutMs: 30_000,
    });
    const port = Number(line.split(" ").at(-1));
    return { port, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads all objects below a folder as S3rver keeps them: gzipped lines of JSON. */
async function readObjects(folder: string): Promise<Record<string, unknown>[]> {
  const records: Record<string, unknown>[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      records.push(...await readObjects(path));
    } else if (entry.name.endsWith("._S3rver_object")) {
      assert.match(path, /\/logs\/\d{4}\/\d{2}\/\d{2}\/[0-9a-f]{16}\.gz\._S3rver_object$/);
      const bytes = new Blob([await Deno.readFile(path)]).stream()
        .pipeThrough(new DecompressionStream("gzip"));
      const lines = (await new Response(bytes).text()).split("\n").filter((line) => line !== "");
      records.push(...lines.map((line) => JSON.parse(line)));
    }
  }
  return records;
}
