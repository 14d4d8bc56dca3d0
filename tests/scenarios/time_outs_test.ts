import assert from "node:assert/strict";
import { buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { startProgram } from "../support/program.ts";

Deno.test("fluentd-timeout ends the wait for an answer, and the request is sent again", async () => {
  await using peers = await startFakePeers({
    events: buildEvents({ count: 5, startMs: Date.now() - 3_600_000, spanMs: 60_000 }),
    extra: { "start-time": '"2025-01-01T00:00:00Z"' },
  });
  peers.receiver.holdNext();
  await using program = startProgram({
    args: ["start", "--config", peers.config, "--fluentd-timeout", "300ms", "--exit-on-last-event"],
  });
  await program.waitForLine(/Fluentd is not available, trying again: no answer in time/);
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal(new Set(peers.receiver.fieldsOf().map((event) => event["uid"])).size, 5);
});

Deno.test("teleport-timeout ends the wait for a page, and it is asked for again", async () => {
  await using peers = await startFakePeers({
    events: buildEvents({ count: 5, startMs: Date.now() - 3_600_000, spanMs: 60_000 }),
    extra: { "start-time": '"2025-01-01T00:00:00Z"' },
  });
  peers.auth.hangNext();
  await using program = startProgram({
    args: [
      "start",
      "--config",
      peers.config,
      "--teleport-timeout",
      "300ms",
      "--exit-on-last-event",
    ],
  });
  await program.waitForLine(/Teleport is not available, trying again: .*DeadlineExceeded/);
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal(peers.receiver.fieldsOf().length, 5);
});
