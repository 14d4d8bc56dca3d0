import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { type Fluentd, startFluentd } from "../support/fluentd.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { runDoctorJson } from "./run_doctor.ts";

for (const version of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"] as const) {
  peerTest(`doctor tells what is wrong between authpeer and ${version}`, {
    needs: ["AUTHPEER", version],
  }, async (test) => {
    await using folder = await temporaryFolder();
    await using peers = await startPeers(folder.path, version);
    const { auth, config, fluentd } = peers;
    const { files } = fluentd;
    const run = (...flags: readonly string[]) => runDoctorJson(config, flags);

    await test.step("nothing, when all is well", async () => {
      const { check, code, output } = await run();
      assert.equal(code, 0, output);
      assert.match(check("teleport-version").finding, /^Teleport \d+\.\d+.*, cluster '/);
      assert.match(check("teleport-export").finding, /bulk export \(\d+ chunk/);
      assert.match(check("fluentd-answer").finding, /HTTP 200/);
      assert.deepEqual(await fluentd.readRecords(), []);
      // A probe that Fluentd complains of would be taken for the trouble that is looked for.
      const complaints = fluentd.log.split("\n").filter((line) => /\[(warn|error)\]/.test(line));
      assert.deepEqual(complaints.filter((line) => !/private_key_passphrase/.test(line)), []);
    });

    const steps: readonly (readonly [string, readonly string[], string, RegExp])[] = [
      [
        "an identity of another cluster",
        ["--teleport-identity", auth.file("identity-wrong-ca")],
        "teleport-server",
        /^The auth server does not accept our certificate$/,
      ],
      [
        "an identity that does not trust the server",
        ["--teleport-identity", auth.file("identity-untrusting")],
        "teleport-server",
        /^The certificate of the auth server is signed by another 'teleport\.example\.com'/,
      ],
      [
        "an expired identity",
        ["--teleport-identity", auth.file("identity-expired")],
        "teleport-credentials",
        /expired at/,
      ],
      [
        "a Fluentd CA that is wrong",
        ["--fluentd-ca", files.foreignAuthority],
        "fluentd-server",
        /signed by 'receiver authority', and fluentd\.ca holds only/,
      ],
      [
        "a client certificate that Fluentd does not know",
        ["--fluentd-cert", files.foreignCertificate, "--fluentd-key", files.foreignKey],
        "fluentd-answer",
        /does not accept the client certificate/,
      ],
      [
        "an address that is Fluentd's",
        ["--teleport-addr", `127.0.0.1:${fluentd.port}`],
        "teleport-server",
        /is no auth server/,
      ],
      [
        "a port of Teleport's for Fluentd",
        ["--fluentd-url", `https://${auth.address}/test.log`],
        "fluentd-server",
        /signed by 'teleport\.example\.com', and fluentd\.ca holds only 'receiver authority'/,
      ],
    ];
    for (const [title, flags, name, finding] of steps) {
      await test.step(title, async () => {
        const { check, code, output } = await run(...flags);
        assert.equal(check(name).status, "failed", output);
        assert.match(check(name).finding, finding);
        assert.equal(code, 78);
      });
    }

    await test.step("no client certificate", async () => {
      const text = await Deno.readTextFile(config);
      const path = `${folder.path}/without.toml`;
      await Deno.writeTextFile(path, text.replace(/^(cert|key) = .*$/gm, ""));
      const { check } = await runDoctorJson(path);
      assert.match(check("fluentd-answer").finding, /^Fluentd demands a client certificate/);
    });

    await test.step("http to a port with TLS", async () => {
      const text = await Deno.readTextFile(config);
      const path = `${folder.path}/plain.toml`;
      await Deno.writeTextFile(
        path,
        text.replace(/^(cert|key) = .*$/gm, "").replaceAll("https:", "http:"),
      );
      const { check } = await runDoctorJson(path);
      assert.match(
        check("fluentd-server").finding,
        /begins with http, and port \d+ speaks TLS/,
      );
    });

    await test.step("a role without rights", async () => {
      await auth.control("/allow", { deny: "event" });
      const { check, code } = await run();
      assert.equal(check("teleport-role").status, "failed");
      assert.match(check("teleport-role").finding, /PermissionDenied|denied/);
      assert.match(check("teleport-role").advice ?? "", /list and read on event/);
      assert.equal(code, 1);
    });
  });
}

async function startPeers(folder: string, version: "FLUENTD_OLDEST" | "FLUENTD_NEWEST") {
  await using stack = new AsyncDisposableStack();
  await Deno.mkdir(`${folder}/auth`);
  await Deno.mkdir(`${folder}/fluentd`);
  const auth = stack.use(await startAuthpeer({ dir: `${folder}/auth`, flags: { events: 50 } }));
  const fluentd: Fluentd = stack.use(
    await startFluentd({ executable: peerPath(version), folder: `${folder}/fluentd` }),
  );
  const config = await writeSettings({
    folder,
    address: auth.address,
    identity: auth.file("identity"),
    url: (path) => fluentd.url(path),
    files: fluentd.files,
  });
  const held = stack.move();
  return { auth, fluentd, config, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
