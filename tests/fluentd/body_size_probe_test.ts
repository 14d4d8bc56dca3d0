import assert from "node:assert/strict";
import { systemClock } from "../../src/core/clock.ts";
import { probeBodySize } from "../../src/fluentd/body_size_probe.ts";
import { Lane } from "../../src/fluentd/lane.ts";
import { fluentdCertificates } from "../support/certificates.ts";
import { startFakeReceiver } from "../support/fake_receiver.ts";
import { type Fluentd, startFluentd } from "../support/fluentd.ts";
import { makeEvent } from "../support/pipeline_ports.ts";
import { type RawExchange, startRawReceiver } from "../support/raw_receiver.ts";
import { RecordingLogger } from "../support/recording_logger.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const NEVER = new AbortController().signal;

async function probe(
  url: string,
  { bytes = 70_000, signal = NEVER }: { bytes?: number; signal?: AbortSignal } = {},
) {
  const tls = await clientTls();
  return await probeBodySize({ url, bytes, tls, userAgent: "x", timeoutMs: 1000 }, signal);
}

async function clientTls() {
  const { authority, client } = await fluentdCertificates();
  return {
    caCerts: [authority.certificatePem],
    client: { cert: client.certificatePem, key: client.privateKeyPem },
  };
}

for (const variable of ["FLUENTD_OLDEST", "FLUENTD_NEWEST"]) {
  const executable = Deno.env.get(variable) ?? "";
  const version = Deno.env.get(`${variable}_VERSION`) ?? `of ${variable}`;
  Deno.test({
    name: `Lane.post() hears of every body that Fluentd ${version} finds too large${
      executable === "" ? " [not there]" : ""
    }`,
    ignore: executable === "",
    async fn() {
      await using folder = await temporaryFolder();
      await using fluentd = await startFluentd({
        executable,
        folder: folder.path,
        bodySizeLimit: 64 * 1024,
      });
      using lane = new Lane({
        tls: await readTls(fluentd),
        userAgent: "test",
        timeoutMs: 30_000,
        clock: systemClock,
        logger: new RecordingLogger(),
      });
      for (const bytes of [70_000, 200_000, 100, 1_000_000, 5_000_000, 20_000_000, 100]) {
        const delivery = await lane.post(fluentd.url(), [makeEvent("x", { bytes })], NEVER);
        assert.equal(delivery.kind, bytes === 100 ? "delivered" : "rejected", `${bytes}`);
        if (delivery.kind === "rejected") assert.equal(delivery.reason, "HTTP 413: Too large");
      }
      await fluentd.stop();
      assert.equal((await fluentd.readRecords()).length, 2);
    },
  });
}

async function readTls({ files }: Fluentd) {
  return {
    caCerts: [await Deno.readTextFile(files.authority)],
    client: {
      cert: await Deno.readTextFile(files.clientCertificate),
      key: await Deno.readTextFile(files.clientKey),
    },
  };
}

for (const [bytes, reason] of [[70_000, "HTTP 413: Too large"], [60_000, undefined]] as const) {
  Deno.test(`probeBodySize() of ${bytes} bytes for a receiver that takes 65,000 finds ${reason ?? "nothing"}, and sends none of them`, async () => {
    await using receiver = await startFakeReceiver({ bodySizeLimit: 65_000 });
    const delivery = await probe(receiver.url(), { bytes });
    assert.equal(delivery?.kind === "rejected" ? delivery.reason : undefined, reason);
    assert.deepEqual(receiver.requests.map(({ bytes }) => bytes), [2]);
    assert.deepEqual([receiver.events, receiver.violations], [[], []]);
  });
}

Deno.test("Lane.post() takes a large request whose connection breaks for what it is, and asks about no small one", async () => {
  await using receiver = await startFakeReceiver();
  using lane = new Lane({
    tls: await clientTls(),
    userAgent: "test",
    timeoutMs: 5000,
    clock: systemClock,
    logger: new RecordingLogger(),
  });
  for (const [bytes, asked] of [[100_000, 1], [1000, 0]] as const) {
    const before = receiver.requests.length;
    // Twice, because the runtime itself may send the request again.
    receiver.answerNext({ reset: "before-answering" }, 2);
    const delivery = await lane.post(receiver.url(), [makeEvent("x", { bytes })], NEVER);
    receiver.clearScript();
    assert.equal(delivery.kind, "retry", `${bytes}`);
    const questions = receiver.requests.slice(before).filter(({ events }) => events.length === 0);
    assert.equal(questions.length, asked, `${bytes}`);
  }
});

const OTHERS: readonly [string, (exchange: RawExchange) => Promise<void> | void][] = [
  ["closes the connection", ({ close }) => close()],
  ["answers nonsense", ({ write }) => write("SSH-2.0-OpenSSH\r\n\r\n")],
  ["answers without an end", ({ write }) => write(`HTTP/1.1 200 OK\r\n${"x".repeat(100_000)}`)],
  ["says nothing", () => {}],
];

for (const [what, answer] of OTHERS) {
  Deno.test(`probeBodySize() finds nothing out when the receiver ${what}`, async () => {
    await using receiver = await startRawReceiver(answer);
    assert.equal(await probe(receiver.url), undefined);
  });
}

Deno.test("probeBodySize() ends at once when it is stopped", async () => {
  const stop = new AbortController();
  await using receiver = await startRawReceiver(() => stop.abort(new Error("stopped")));
  await assert.rejects(probe(receiver.url, { signal: stop.signal }), /stopped/);
});
