import assert from "node:assert/strict";
import { startAuthpeer } from "../support/authpeer.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { writeFluentdFiles } from "../support/certificates.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const MEGABYTE = 1024;

peerTest(
  "Memory stays below 200 MB while far more passes through than it holds",
  { needs: ["AUTHPEER"] },
  async () => {
    await using folder = await temporaryFolder();
    await Deno.mkdir(folder.join("auth"));
    const events = 120_000;
    await using authpeer = await startAuthpeer({
      dir: folder.join("auth"),
      flags: { mode: "legacy", bench: true, events, days: 1 },
    });
    await using receiver = await startFakeReceiver({ keepBodies: false });
    const config = await writeSettings({
      folder: folder.path,
      address: authpeer.address,
      identity: authpeer.file("identity"),
      url: (path) => receiver.url(path),
      files: await writeFluentdFiles(folder.path),
      extra: { "start-time": `"${authpeer.ready.start}"` },
    });
    await using program = startProgram({
      args: ["start", "--config", config],
      // Collecting coverage takes memory of its own.
      withoutCoverage: true,
    });
    await program.waitForLine(/Caught up/);
    const peakKilobytes = await readPeakMemory(program.pid);
    assert.ok(receiver.events.length >= events);
    assert.ok(peakKilobytes < 200 * MEGABYTE, `Peak memory was ${peakKilobytes} kB`);
  },
);

/** Most memory that a process ever had resident, in kilobytes. */
async function readPeakMemory(pid: number): Promise<number> {
  // Deno itself may read /proc only with every permission there is.
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return Number(/VmHWM:\s*(\d+) kB/.exec(new TextDecoder().decode(stdout))?.[1]);
}
