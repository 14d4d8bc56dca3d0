import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import { readReceiverTls } from "../../src/fluentd/credentials.ts";
import { FluentdLanes } from "../../src/fluentd/fluentd_sink.ts";
import { startAuthpeer } from "../support/authpeer.ts";
import { startFluentd } from "../support/fluentd.ts";
import { peerPath, peerTest } from "../support/peer.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { startProgram } from "../support/program.ts";
import { RecordingLogger } from "../support/recording_logger.ts";
import { writeSettings } from "../support/settings_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const LANES = 4;

for (const variable of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"] as const) {
  for (
    const [name, keepAliveTimeoutMs, idleMs] of [
      // Longer than our own idle time, and than Fluentd's: the connections are re-made in advance.
      ["15 s, longer than Fluentd keeps a connection", undefined, 15_000],
      // Fluentd closes first, within our idle time: the loss is noticed by the next request alone.
      ["for less than our own idle time, while Fluentd closes", 1000, 4000],
    ] as const
  ) {
    peerTest(
      `Real Fluentd (${variable}) left idle ${name}, takes the next burst over ${LANES} lanes without a failure`,
      { needs: [variable] },
      async () => {
        await using folder = await temporaryFolder();
        await using fluentd = await startFluentd({
          executable: peerPath(variable),
          folder: folder.path,
          ...(keepAliveTimeoutMs === undefined ? {} : { keepAliveTimeoutMs }),
        });
        const { files } = fluentd;
        const logger = new RecordingLogger();
        using lanes = new FluentdLanes({
          tls: await readReceiverTls({
            authority: files.authority,
            client: { certificate: files.clientCertificate, key: files.clientKey },
          }, Date.now()),
          userAgent: "test",
          timeoutMs: 10_000,
          clock: systemClock,
          logger,
          maxLanes: LANES,
        });
        const signal = new AbortController().signal;
        for (const burst of [1, 2]) {
          const deliveries = await Promise.all(
            Array.from({ length: 3 * LANES }, (_, i) =>
              lanes.post(
                fluentd.url(),
                [makeEvent(`${burst}-${i}`), makeEvent(`${burst}-${i}b`)],
                signal,
              )),
          );
          assert.deepEqual(deliveries, Array(3 * LANES).fill({ kind: "delivered" }));
          // The idle time is what is tested.
          if (burst === 1) await systemClock.sleep(idleMs);
        }
        assert.deepEqual(logger.records.filter((record) => record.level !== "debug"), []);
        await fluentd.stop();
        assert.equal((await fluentd.readRecords("test.log")).length, 2 * 3 * LANES * 2);
      },
    );
  }
}

peerTest(
  "A handler that ends takes leave of Fluentd, which has nothing to warn of",
  { needs: ["AUTHPEER", "FLUENTD_OLDEST"] },
  async () => {
    await using folder = await temporaryFolder();
    await Deno.mkdir(folder.join("auth"));
    await using authpeer = await startAuthpeer({
      dir: folder.join("auth"),
      flags: { mode: "legacy", events: 50, days: 1 },
    });
    await using fluentd = await startFluentd({
      executable: peerPath("FLUENTD_OLDEST"),
      folder: folder.path,
    });
    const config = await writeSettings({
      folder: folder.path,
      address: authpeer.address,
      identity: authpeer.file("identity"),
      url: (path) => fluentd.url(path),
      files: fluentd.files,
      extra: { "start-time": `"${authpeer.ready.start}"` },
    });
    for (let run = 0; run < 5; run++) {
      await Deno.remove(`${folder.path}/storage`, { recursive: true }).catch(() => {});
      await using program = startProgram({
        args: ["start", "--config", config, "--exit-on-last-event"],
      });
      assert.equal((await program.waitForExit()).code, 0);
    }
    await fluentd.stop();
    assert.ok(!/ssl error|unexpected eof/i.test(fluentd.log), fluentd.log);
  },
);
