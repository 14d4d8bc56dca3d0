import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { findFreePort } from "../support/free_port.ts";
import { openssl } from "../support/openssl.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { ConfiguredFluentd } from "./configured_fluentd.ts";
import { judgeInAnyOrder } from "./judge_in_any_order.ts";
import { runConfigureProgram } from "./run_configure.ts";
import { runSetup, setupOptions } from "./setup_options.ts";

for (const fluentdVariable of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"] as const) {
  peerTest(
    `configure, then start with its files, and events arrive in Fluentd (${fluentdVariable}) unchanged`,
    { needs: ["AUTHPEER", fluentdVariable] },
    async () => {
      await using folder = await temporaryFolder();
      await using authpeer = await startPeer(folder.join("teleport"));
      const run = await runConfigureProgram(
        [folder.join("out"), authpeer.address, "--length", "2048"],
        { cwd: folder.path, stdin: `p"a\\ss'#{exit} wörd\n` },
      );
      assert.equal(run.code, 0, run.stderr);
      await using fluentd = await ConfiguredFluentd.start({
        executable: peerPath(fluentdVariable),
        folder: folder.join("out"),
      });
      assert.deepEqual(fluentd.complaints, []);
      await Deno.copyFile(authpeer.file("identity"), folder.join("out", "identity"));
      await placePort(folder.join("out", "teleport-event-handler.toml"), fluentd.port);
      await using program = startProgram({
        args: [
          ...["start", "--config", folder.join("out", "teleport-event-handler.toml")],
          ...["--start-time", "2021-01-01T00:00:00Z", "--exit-on-last-event"],
        ],
      });
      const { code } = await program.waitForExit();
      assert.equal(code, 0, program.stderr.join("\n"));
      assert.ok(program.stderr.some((line) => line.includes("Diagnostics are served")));
      assert.deepEqual(program.stderr.filter((line) => /^(WARN|ERRO)/.test(line)), []);
      await fluentd.stop();
      assert.deepEqual(
        judgeInAnyOrder(await authpeer.readEvents(), fluentd.printed("events.log")),
        {
          repeats: 0,
        },
      );
    },
  );

  peerTest(
    `The classic fluent.conf starts Fluentd (${fluentdVariable}), and its settings lead to it`,
    { needs: [fluentdVariable] },
    async () => {
      await using folder = await temporaryFolder();
      await runSetup(setupOptions(folder.path, { classicFluentConf: true }));
      await using fluentd = await ConfiguredFluentd.start({
        executable: peerPath(fluentdVariable),
        folder: folder.path,
      });
      assert.deepEqual(fluentd.complaints, []);
      const toml = await Deno.readTextFile(folder.join("teleport-event-handler.toml"));
      const path = /\nurl = "https:\/\/localhost:8888(.*)"/.exec(toml)?.[1];
      const event = { event: "user.login", time: "2026-01-01T00:00:00.123Z" };
      assert.equal(await post(fluentd, { folder: folder.path, path: path ?? "", event }), 200);
      await fluentd.stop();
      // As with the official handler, the time is gone from the event.
      assert.deepEqual(fluentd.printed("test.log"), [{ event: "user.login" }]);
    },
  );
}

peerTest(
  "Events of session recordings are printed too, and the tag of their id is matched",
  { needs: ["FLUENTD_OLDEST"] },
  async () => {
    await using folder = await temporaryFolder();
    await runSetup(setupOptions(folder.path));
    await using fluentd = await ConfiguredFluentd.start({
      executable: peerPath("FLUENTD_OLDEST"),
      folder: folder.path,
    });
    const id = "0b5f2a3e-faa5-4d77-ab6e-362bca0994fc";
    const event = { event: "print", time: "2026-01-01T00:00:00.123Z" };
    const path = `/session.${id}.log`;
    assert.equal(await post(fluentd, { folder: folder.path, path, event }), 200);
    await fluentd.stop();
    assert.deepEqual(fluentd.printed(`session.${id}.log`), [event]);
    assert.deepEqual(fluentd.complaints, []);
  },
);

peerTest(
  "Certificates made by hand with the documented openssl commands work with Fluentd and start",
  { needs: ["AUTHPEER", "FLUENTD_NEWEST"] },
  async () => {
    await using folder = await temporaryFolder();
    await using authpeer = await startPeer(folder.join("teleport"));
    await runSetup(setupOptions(folder.path, { address: authpeer.address }), {
      passphrase: "12345678",
    });
    await makeCertificatesByHand(folder.path, "12345678");
    await using fluentd = await ConfiguredFluentd.start({
      executable: peerPath("FLUENTD_NEWEST"),
      folder: folder.path,
    });
    await Deno.copyFile(authpeer.file("identity"), folder.join("identity"));
    await placePort(folder.join("teleport-event-handler.toml"), fluentd.port);
    await using program = startProgram({
      args: [
        ...["start", "--config", folder.join("teleport-event-handler.toml")],
        ...["--start-time", "2021-01-01T00:00:00Z", "--exit-on-last-event"],
      ],
    });
    const { code } = await program.waitForExit();
    assert.equal(code, 0, program.stderr.join("\n"));
    await fluentd.stop();
    judgeInAnyOrder(await authpeer.readEvents(), fluentd.printed("events.log"));
  },
);

async function startPeer(dir: string) {
  return await startAuthpeer({ dir, flags: { events: 200, days: 2 } });
}

/** Puts the port of Fluentd into the settings, and a free one for diagnostics. */
async function placePort(path: string, port: number): Promise<void> {
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(
    path,
    text.replaceAll(":8888/", `:${port}/`).replace(':3000"\n', `:${findFreePort()}"\n`),
  );
}

async function post(
  fluentd: ConfiguredFluentd,
  { folder, path, event }: {
    readonly folder: string;
    readonly path: string;
    readonly event: Readonly<Record<string, string>>;
  },
): Promise<number> {
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
  using client = Deno.createHttpClient({
    caCerts: [await read("ca.crt")],
    cert: await read("client.crt"),
    key: await read("client.key"),
  });
  const response = await fetch(`https://localhost:${fluentd.port}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(event),
    client,
  });
  await response.bytes();
  return response.status;
}

/** The documented commands, one by one, but for 2048 bits in place of 4096 and the passphrase. */
async function makeCertificatesByHand(folder: string, passphrase: string): Promise<void> {
  for (const name of ["ca", "server", "client"]) await Deno.remove(`${folder}/${name}.key`);
  const conf = `${folder}/ssl.conf`;
  await Deno.copyFile(new URL("ssl.conf", import.meta.url), conf);
  const at = (name: string) => `${folder}/${name}`;
  const pass = ["-passout", `pass:${passphrase}`];
  await openssl("genrsa", "-out", at("ca.key"), "2048");
  await Deno.chmod(at("ca.key"), 0o444);
  await openssl(
    ...["req", "-config", conf, "-key", at("ca.key"), "-new", "-x509", "-days", "7300", "-sha256"],
    ...["-extensions", "v3_ca", "-subj", "/CN=ca", "-out", at("ca.crt")],
  );
  await openssl("genrsa", "-aes256", ...pass, "-out", at("server.key"), "2048");
  await openssl("genrsa", "-out", at("client.key"), "2048");
  for (const name of ["server", "client"]) {
    await Deno.chmod(at(`${name}.key`), 0o444);
    await openssl(
      ...["req", "-config", conf, "-subj", `/CN=${name}`, "-key", at(`${name}.key`), "-new"],
      ...["-out", at(`${name}.csr`), "-passin", `pass:${passphrase}`],
    );
    await openssl(
      ...["x509", "-req", "-in", at(`${name}.csr`), "-CA", at("ca.crt"), "-CAkey", at("ca.key")],
      ...["-CAcreateserial", "-days", "365", "-out", at(`${name}.crt`), "-extfile", conf],
      ...["-extensions", `${name}_cert`],
    );
  }
}
