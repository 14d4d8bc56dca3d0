/** How far behind delivery is, whatever the clock here says, and however the log is read. */
import assert from "node:assert/strict";
import { startAuthpeerRig } from "../support/authpeer_rig.ts";
import { DiagnosticsClient, parseSamples, type Samples } from "../support/diagnostics_client.ts";
import { buildEvent, buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";

const HOUR_MS = 3_600_000;
const PREFIX = "teleport_event_handler_";

function valueOf(samples: Samples, name: string): number {
  return samples.get(PREFIX + name) ?? NaN;
}

/** Resolves with the first scrape in which so many events of the log are delivered and none waits. */
async function waitForDelivered(client: DiagnosticsClient, count: number): Promise<Samples> {
  const { text } = await client.waitFor("/metrics", ({ text }) => {
    const samples = parseSamples(text);
    return valueOf(samples, 'events_delivered_total{stream="log"}') >= count &&
      valueOf(samples, "caught_up") === 1;
  });
  return parseSamples(text);
}

for (const [words, aheadMs] of [["behind", HOUR_MS], ["ahead of", -HOUR_MS]] as const) {
  Deno.test(`A clock an hour ${words} that of Teleport shows neither lag nor delay`, async () => {
    const serverNowMs = () => Date.now() + aheadMs;
    const startMs = serverNowMs() - 2 * HOUR_MS;
    await using peers = await startFakePeers({
      events: [
        ...buildEvents({ count: 50, startMs, spanMs: HOUR_MS }),
        buildEvent({ timeMs: serverNowMs() }),
      ],
      extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"` },
    });
    const client = new DiagnosticsClient();
    await using _program = startProgram({
      args: ["start", "--config", peers.config, ...client.args],
    });
    const before = await waitForDelivered(client, 51);
    for (let i = 1; i <= 5; i++) {
      peers.auth.append([buildEvent({ timeMs: serverNowMs() })]);
      await peers.receiver.waitForEvents(51 + i);
    }
    const after = await waitForDelivered(client, 56);
    assert.ok(valueOf(after, "lag_seconds") < 5, `${valueOf(after, "lag_seconds")} s of lag`);
    const bucket = 'delivery_delay_seconds_bucket{le="30"}';
    assert.equal(valueOf(after, bucket) - valueOf(before, bucket), 5);
  });
}

Deno.test("Lag is that of the oldest event not delivered while Fluentd is away, and gone once it is back", async () => {
  await using peers = await startFakePeers();
  const client = new DiagnosticsClient();
  await using _program = startProgram({
    args: ["start", "--config", peers.config, ...client.args],
  });
  await client.waitForReady();
  const gate = peers.receiver.holdNext();
  peers.auth.append([buildEvent({ timeMs: Date.now() })]);
  await peers.receiver.waitForRequests(1);
  const { text } = await client.waitFor(
    "/metrics",
    ({ text }) => valueOf(parseSamples(text), "lag_seconds") > 1.5,
  );
  assert.equal(valueOf(parseSamples(text), "inflight_events"), 1);
  gate.open();
  const after = await waitForDelivered(client, 1);
  assert.ok(valueOf(after, "lag_seconds") < 1.5);
  assert.equal(valueOf(after, "inflight_events"), 0);
});

peerTest(
  "With bulk export the lag ends with the backlog, and no chunk is left",
  { needs: ["AUTHPEER"] },
  async () => {
    await using rig = await startAuthpeerRig({ flags: { mode: "bulk", events: 300, days: 3 } });
    const client = new DiagnosticsClient();
    await using _program = startProgram({
      args: [
        ...["start", "--config", rig.config, "--start-time", rig.authpeer.ready.start],
        ...client.args,
      ],
    });
    const samples = await waitForDelivered(client, 300);
    assert.ok(valueOf(samples, "lag_seconds") < 5);
    for (const state of ["waiting", "active", "parked"]) {
      assert.equal(valueOf(samples, `chunks{state="${state}"}`), 0);
    }
    await client.waitForReady();
  },
);
