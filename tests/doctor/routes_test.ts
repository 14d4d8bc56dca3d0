import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { writeFluentdFiles } from "../support/certificates.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { peerTest } from "../support/peer.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { runDoctorJson } from "./run_doctor.ts";

peerTest(
  "doctor tells the way to Teleport through a proxy, and why there is none without SSL_CERT_FILE",
  { needs: ["AUTHPEER"] },
  async () => {
    await using folder = await temporaryFolder();
    await Deno.mkdir(folder.join("auth"));
    await using authpeer = await startAuthpeer({
      dir: folder.join("auth"),
      flags: { events: 10, proxy: "127.0.0.1:0", l7: true },
    });
    await using receiver = await startFakeReceiver();
    const config = await writeSettings({
      folder: folder.path,
      address: authpeer.ready.proxy!,
      identity: authpeer.file("identity"),
      url: (path) => receiver.url(path),
      files: await writeFluentdFiles(folder.path),
    });
    const trusting = { SSL_CERT_FILE: authpeer.file("web-ca.pem") };
    const good = await runDoctorJson(config, [], trusting);
    assert.equal(good.check("teleport-server").status, "ok", good.output);
    assert.match(
      good.check("teleport-server").finding,
      /^By connection upgrade of the proxy at 127\.0\.0\.1:\d+; both sides accept each other$/,
    );
    assert.equal(good.check("teleport-role").status, "ok");

    const { check } = await runDoctorJson(config);
    assert.equal(check("teleport-server").status, "failed");
    const { advice, details, finding } = check("teleport-server");
    assert.match([finding, advice, ...details ?? []].join("\n"), /SSL_CERT_FILE/);

    const foreign = ["--teleport-identity", authpeer.file("identity-wrong-ca")];
    const refused = await runDoctorJson(config, foreign, trusting);
    assert.equal(refused.check("teleport-server").status, "failed", refused.output);
    assert.match(refused.check("teleport-server").finding, /our certificate/);
  },
);
