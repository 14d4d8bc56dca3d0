import assert from "node:assert/strict";
import { buildEvents } from "../support/events.ts";
import { startFakePeers } from "../support/fake_peers.ts";
import { type ExportedSpan, OtlpCollector } from "../support/otlp_collector.ts";
import { startProgram } from "../support/program.ts";

const PREFIX = "teleport_event_handler_";

/** A run over 50 events, of which the first request is refused for a while. */
async function exportRun() {
  const startMs = Date.now() - 60_000;
  await using peers = await startFakePeers({
    events: buildEvents({ count: 50, startMs, spanMs: 30_000 }),
    extra: {
      "start-time": `"${new Date(startMs - 1000).toISOString()}"`,
      batch: "20",
      "fluentd-batch-events": "25",
    },
  });
  peers.receiver.answerNext({ status: 503, body: "no room for it" });
  const collector = new OtlpCollector();
  await using _closing = collector;
  const args = ["start", "--config", peers.config];
  await using program = startProgram({ args, env: collector.env });
  await peers.receiver.waitForEvents(50);
  await program.waitForLine(/Caught up/);
  program.kill("SIGTERM");
  assert.equal((await program.waitForExit()).code, 0);
  const own = collector.spans.filter((span) => span.scope === "teleport-event-handler");
  return { collector, own, peers, all: collector.spans };
}

Deno.test("OTEL_DENO=true exports page, batch, post and commit as one trace, with counts and outcome, and the metrics", async () => {
  const { all, collector, own, peers } = await exportRun();
  const byId = new Map(all.map((span) => [span.spanId, span]));
  const parentOf = (span: ExportedSpan) => byId.get(span.parentSpanId);
  const named = (name: string) => own.filter((span) => span.name === name);
  assert.deepEqual([...new Set(own.map(({ name }) => name))].sort(), [
    "batch",
    "commit",
    "page",
    "post",
  ]);

  const pages = named("page").filter(({ attributes }) => attributes["stream"] === "log");
  assert.ok(pages.every(({ parentSpanId }) => parentSpanId === ""));
  assert.ok(pages.every(({ durationMs }) => durationMs >= 0 && durationMs < 3_600_000));
  assert.equal(sum(pages, "events"), 50);
  const batches = named("batch").filter(({ attributes }) => attributes["events"] !== 0);
  assert.equal(sum(batches, "events"), 50);
  for (const batch of batches) {
    assert.equal(parentOf(batch)!.name, "page");
    assert.equal(batch.traceId, parentOf(batch)!.traceId);
    assert.equal(batch.links.length, Number(batch.attributes["pages"]) - 1);
    assert.ok(batch.links.every((id) => byId.get(id)!.name === "page"));
    assert.equal(batch.attributes["stream"], "log");
  }

  const posts = named("post");
  assert.ok(posts.every((post) => parentOf(post)!.name === "batch"));
  const [refused, ...accepted] = posts;
  assert.deepEqual([refused!.attributes["outcome"], refused!.status], ["retry", 2]);
  assert.ok(
    accepted.every(({ attributes, status }) =>
      attributes["outcome"] === "delivered" && status === 0
    ),
  );
  assert.equal(sum(accepted, "events"), 50);
  const requests = all.filter(({ name, scope }) => scope === "deno" && name === "POST");
  assert.equal(requests.length, posts.length);
  assert.ok(requests.every((request) => parentOf(request)!.name === "post"));

  // The first position is stored before there is any page.
  const commits = named("commit").filter(({ parentSpanId }) => parentSpanId !== "");
  assert.ok(commits.length >= 2);
  assert.ok(commits.every((commit) => parentOf(commit)!.name === "batch"));
  assert.ok(commits.every(({ attributes }) => attributes["outcome"] === "stored"));

  // The last values are those of the end: nothing is lost between the last export and it.
  const value = (name: string, attributes: ExportedSpan["attributes"] = {}) =>
    collector.points.find((point) =>
      point.name === PREFIX + name &&
      Object.entries(attributes).every(([key, value]) => point.attributes[key] === value)
    )?.value;
  assert.equal(value("events_delivered_total", { stream: "log" }), 50);
  assert.equal(value("requests_total", { stream: "log", result: "delivered" }), accepted.length);
  assert.equal(value("retries_total", { peer: "receiver" }), 1);
  assert.equal(value("request_duration_seconds", { stream: "log" }), posts.length);
  assert.equal(value("caught_up"), 1);

  // Neither payloads, nor the receiver's words, nor users.
  for (const event of peers.auth.events.slice(0, 5)) {
    assert.ok(!collector.received.includes(event.id), event.id);
  }
  assert.doesNotMatch(collector.received, /no room for it|alice|"user/);
});

Deno.test("A collector that is away costs nothing but what it would have got", async () => {
  const startMs = Date.now() - 60_000;
  await using peers = await startFakePeers({
    events: buildEvents({ count: 5, startMs, spanMs: 30_000 }),
    extra: { "start-time": `"${new Date(startMs - 1000).toISOString()}"` },
  });
  const env = {
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  };
  const args = ["start", "--config", peers.config, "--exit-on-last-event"];
  await using program = startProgram({ args, env });
  assert.equal((await program.waitForExit()).code, 0);
  assert.equal(peers.receiver.fieldsOf("/test.log").length, 5);
});

function sum(spans: readonly ExportedSpan[], attribute: string): number {
  return spans.reduce((sum, { attributes }) => sum + Number(attributes[attribute]), 0);
}
