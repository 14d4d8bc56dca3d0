/** Scraped once a second through all kinds of faults, the metrics tell what the journals tell. */
import assert from "node:assert/strict";
import { DiagnosticsClient, type Samples } from "../support/diagnostics_client.ts";
import { startAuthpeerRig } from "../support/authpeer_rig.ts";
import type { FakeReceiver } from "../support/fake_receiver.ts";
import { peerTest } from "../support/peer.ts";
import { startProgram } from "../support/program.ts";

const SCRAPE_MS = 1000;
const PREFIX = "teleport_event_handler_";

/** Whether a sample is one that can only grow. */
function isCounter(name: string): boolean {
  return /_(total|count|bucket|sum)(\{|$)/.test(name);
}

function assertMonotone(scrapes: readonly Samples[]): void {
  for (const [i, samples] of scrapes.entries()) {
    for (const [name, value] of scrapes[i - 1] ?? []) {
      if (!isCounter(name)) continue;
      const next = samples.get(name);
      assert.ok(next !== undefined, `${name} is gone from scrape ${i}`);
      assert.ok(next >= value, `${name} went from ${value} to ${next} at scrape ${i}`);
    }
  }
}

/**
 * Requests on a path whose answer of 200 came through, and their events. The answer did not when the
 * connection was cut behind it; the same request came again then.
 */
function countTaken(receiver: FakeReceiver, isPath: (path: string) => boolean) {
  const answered = receiver.requests.filter(({ path, status }) => status === 200 && isPath(path));
  const taken = [
    ...new Map(answered.map((post) => [JSON.stringify([post.path, post.events]), post])).values(),
  ];
  return {
    requests: taken.length,
    events: taken.reduce((sum, { events }) => sum + events.length, 0),
    bytes: taken.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function countQuarantined(storage: string): Promise<number> {
  const text = await Deno.readTextFile(`${storage}/quarantine/events.jsonl`);
  return text.split("\n").length - 1;
}

peerTest(
  "Metrics grow through faults of both peers, and agree with the journals at the end",
  { needs: ["AUTHPEER"] },
  async () => {
    await using rig = await startAuthpeerRig({
      flags: { mode: "legacy", events: 400, days: 1, sessions: 4, "session-events": 30, rate: 40 },
      extra: { batch: "50" },
    });
    const { authpeer, receiver, storage } = rig;
    const client = new DiagnosticsClient();
    await using program = startProgram({
      args: [
        ...["start", "--config", rig.config, "--start-time", authpeer.ready.start],
        ...["--fluentd-batch-events", "20", "--skip-event-types", "session.start"],
        ...client.args,
      ],
    });
    await client.waitForReady();
    const isRefused = (fields: Record<string, unknown>) =>
      typeof fields["uid"] === "string" && fields["uid"].endsWith("0");
    const faults: (() => unknown)[] = [
      () => receiver.answerNext({ status: 503 }, 3),
      () => receiver.rejectIf((fields) => isRefused(fields)),
      () => authpeer.control("/drop-connections", {}),
      () => receiver.dropConnections(),
      () => receiver.refuse(),
      () => authpeer.control("/refuse", { seconds: 2, kind: "refuse", drop: true }),
      () => receiver.accept(),
      () => receiver.answerNext({ status: 404 }),
      () => {},
    ];
    const scrapes: Samples[] = [];
    for (const fault of faults) {
      scrapes.push(await client.scrape());
      await fault();
      await new Promise((resolve) => setTimeout(resolve, SCRAPE_MS));
    }
    await client.waitForReady();
    const wanted = (await authpeer.stopAppending()).filter(({ type }) => type !== "session.start");
    const idle = await client.waitFor("/metrics", ({ text }) => {
      const counts = new Map([...text.matchAll(/^(\S+) (\S+)$/gm)].map(([, k, v]) => [k!, +v!]));
      const value = (name: string) => counts.get(PREFIX + name)!;
      return value('events_delivered_total{stream="log"}') +
              value('events_quarantined_total{stream="log",reason="refused"}') >= wanted.length &&
        value("queue_events") + value("inflight_events") === 0 &&
        value('session_recordings_total{result="sent"}') === 4;
    });
    assert.equal(idle.status, 200);
    const last = await client.scrape();
    scrapes.push(last);
    assertMonotone(scrapes);

    const log = countTaken(receiver, (path) => path === "/test.log");
    const sessions = countTaken(receiver, (path) => path !== "/test.log");
    const quarantined = await countQuarantined(storage);
    const value = (name: string) => last.get(PREFIX + name);
    const sum = (pattern: RegExp) =>
      [...last].reduce((sum, [name, value]) => sum + (pattern.test(name) ? value : 0), 0);
    assert.equal(value('events_delivered_total{stream="log"}'), log.events);
    assert.equal(value('events_delivered_total{stream="session"}'), sessions.events);
    assert.equal(value('requests_total{stream="log",result="delivered"}'), log.requests);
    assert.equal(value('requests_total{stream="session",result="delivered"}'), sessions.requests);
    assert.equal(sum(/events_quarantined_total/), quarantined);
    assert.equal(value("quarantine_events"), quarantined);
    assert.equal(value("delivery_delay_seconds_count"), log.events);
    assert.equal(value("request_events_count"), sum(/requests_total/));
    assert.equal(value('session_recordings_total{result="sent"}'), 4);
    assert.ok(quarantined > 0);
    for (const peer of ["receiver", "teleport"]) {
      assert.ok(value(`retries_total{peer="${peer}"}`)! > 0, peer);
    }
    const ids = new Set(receiver.fieldsOf("/test.log").map(({ uid }) => uid));
    const missing = wanted.filter(({ body, id }) => !ids.has(id) && !isRefused(body));
    assert.deepEqual(missing, []);
    program.kill("SIGTERM");
    assert.equal((await program.waitForExit()).code, 0);
  },
);
