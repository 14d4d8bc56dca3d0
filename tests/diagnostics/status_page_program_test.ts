import assert from "node:assert/strict";
import { type Authpeer, startAuthpeer } from "../support/authpeer.ts";
import { Chromium } from "../support/chromium.ts";
import { DiagnosticsClient } from "../support/diagnostics_client.ts";
import { type Fluentd, startFluentd } from "../support/fluentd.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Settings with a URL that holds what must not be shown. */
function writeSecretSettings(folder: string, auth: Authpeer, fluentd: Fluentd): Promise<string> {
  return writeSettings({
    folder,
    address: auth.address,
    identity: auth.file("identity"),
    url: (path) =>
      path === "/session" ? fluentd.url(path) : `${fluentd.url(path)}?token=hidden-in-the-query`,
    files: fluentd.files,
    extra: { "start-time": '"2026-01-01T00:00:00Z"' },
  });
}

peerTest(
  "The status page of the program follows a real Fluentd that goes and comes back",
  { needs: ["AUTHPEER", "CHROMIUM", "FLUENTD_NEWEST"] },
  async () => {
    await using folder = await temporaryFolder();
    const [authFolder, fluentdFolder] = [folder.join("auth"), folder.join("fluentd")];
    for (const path of [authFolder, fluentdFolder]) await Deno.mkdir(path);
    await using auth = await startAuthpeer({
      dir: authFolder,
      flags: { mode: "bulk", events: 200, days: 2, sessions: 3 },
    });
    await using fluentd = await startFluentd({
      executable: peerPath("FLUENTD_NEWEST"),
      folder: fluentdFolder,
    });
    const diagnostics = new DiagnosticsClient();
    await using program = startProgram({
      args: [
        "start",
        "--config",
        await writeSecretSettings(folder.path, auth, fluentd),
        ...diagnostics.args,
      ],
    });
    await program.waitForLine(/Caught up/);
    await using browser = await Chromium.start();
    await using page = await browser.openPage({ width: 390 });
    await page.goTo(diagnostics.url("/"));
    const shows = (text: string) => page.waitFor(`document.body.innerText.includes("${text}")`);
    await shows("Up to date");
    for (const text of [auth.address, fluentd.url(), "recordings to /session", "read by chunks"]) {
      await shows(text);
    }

    await fluentd.stop();
    await auth.append({ count: 1 });
    await shows("Waiting for Fluentd");
    await shows("next try in");
    await fluentd.start();
    const last = (await auth.readEvents()).at(-1)!;
    await page.waitFor(`document.body.innerText.includes("${last.id}")`, 60_000);
    await shows("Up to date");
    await shows("over now: Fluentd");

    const html = await page.evaluate<string>("document.documentElement.outerHTML");
    const { text: json } = await diagnostics.get("/status.json");
    for (const text of [html, json]) assert.ok(!text.includes("hidden-in-the-query"));
    assert.equal(JSON.parse(json).lastEvent.id, last.id);
    assert.deepEqual(page.errors, []);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
  },
);
