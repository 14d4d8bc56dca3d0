import assert from "node:assert/strict";
import { DeliveryLog } from "../../src/log/delivery_log.ts";
import type { Retry } from "../../src/pipeline/ports.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeEvent, makeEvents } from "../support/pipeline_ports.ts";
import { RecordingLogger } from "../support/recording_logger.ts";

const EVENT_TIME = "2026-01-01 00:00:00 +0000 UTC";

function open(sentMessage = "Event sent") {
  const logger = new RecordingLogger();
  const clock = new FakeClock();
  const log = new DeliveryLog({ logger, clock, sentMessage });
  return { log, logger, clock };
}

function retry(attempt: number, changes: Partial<Retry> = {}): Retry {
  return {
    streamId: "log",
    peer: "receiver",
    attempt,
    reason: "connection refused",
    delayMs: 1500,
    lasting: false,
    ...changes,
  };
}

Deno.test("DeliveryLog.delivered() tells each event at info while live", () => {
  const { log, logger } = open();
  log.delivered("log", [makeEvent("a", { type: "user.login" }), makeEvent("b")], false);
  assert.deepEqual(logger.records, [
    {
      level: "info",
      message: "Event sent",
      fields: { id: "a", ts: EVENT_TIME, type: "user.login" },
    },
    { level: "info", message: "Event sent", fields: { id: "b", ts: EVENT_TIME, type: "test" } },
  ]);
});

Deno.test("DeliveryLog.delivered() never logs a payload", () => {
  const { log, logger } = open();
  const json = new TextEncoder().encode('{"password":"hunter2"}');
  log.delivered("log", [makeEvent("a", { json })], false);
  log.delivered("log", [makeEvent("a", { json })], true);
  log.rejected({ streamId: "log", event: makeEvent("a", { json }), reason: "no" });
  log.finish();
  assert.doesNotMatch(logger.text, /hunter2/);
});

Deno.test("DeliveryLog.delivered() works nothing out for debug lines that are not written", () => {
  const { log, logger } = open();
  Object.assign(logger, { isDebug: false });
  log.delivered("log", makeEvents(3), true);
  assert.deepEqual(logger.find({ level: "debug" }), []);
});

Deno.test("DeliveryLog.delivered() does not throw for an event with a time of nowhere", () => {
  const { log, logger } = open();
  for (const backlog of [true, false]) {
    log.delivered("log", [{ ...makeEvent("a"), timeMs: 9.2e21 }], backlog);
  }
  log.rejected({ streamId: "log", event: { ...makeEvent("a"), timeMs: NaN }, reason: "no" });
  log.finish();
  assert.ok(logger.records.length >= 3);
});

Deno.test("DeliveryLog tells an outage at its attempts 1, 2, 4, 8 … and the others at debug", () => {
  const { log, logger } = open();
  for (let attempt = 1; attempt <= 100; attempt++) log.retrying(retry(attempt));
  const told = logger.find({ level: "warning" });
  assert.deepEqual(told.map((record) => record.fields["attempt"]), [1, 2, 4, 8, 16, 32, 64]);
  assert.deepEqual(told[0], {
    level: "warning",
    message: "Fluentd is not available, trying again: connection refused",
    fields: { stream: "log", peer: "fluentd", attempt: 1, next_try: "1.5s" },
  });
  assert.equal(logger.find({ level: "debug" }).length, 93);
});

Deno.test("DeliveryLog tells a new reason at once", () => {
  const { log, logger } = open();
  for (let attempt = 1; attempt <= 5; attempt++) log.retrying(retry(attempt));
  log.retrying(retry(6, { reason: "HTTP 503" }));
  log.retrying(retry(7, { reason: "HTTP 503" }));
  const told = logger.find({ level: "warning" });
  assert.deepEqual(told.map((record) => record.fields["attempt"]), [1, 2, 4, 6]);
});

Deno.test("DeliveryLog stays quiet where two known reasons take turns", () => {
  const { log, logger } = open();
  for (let attempt = 1; attempt <= 64; attempt++) {
    log.retrying(retry(attempt, { reason: attempt % 2 === 0 ? "HTTP 503" : "HTTP 502" }));
  }
  assert.ok(logger.find({ level: "warning" }).length <= 8, logger.text);
});

const PEERS: readonly [Retry["peer"], string][] = [
  ["receiver", "Fluentd"],
  ["source", "Teleport"],
  ["state", "Storage"],
];

for (const [peer, name] of PEERS) {
  Deno.test(`DeliveryLog calls the ${peer} ${name}, when it is away and when it is back`, () => {
    const { log, logger } = open();
    log.retrying(retry(1, { peer }));
    log.recovered("log", peer, 3);
    assert.match(
      logger.records[0]!.message,
      new RegExp(`^${name} is not available, trying again: `),
    );
    assert.deepEqual(logger.records[1], {
      level: "info",
      message: `${name} is available again`,
      fields: { stream: "log", failed_attempts: 3 },
    });
  });
}

Deno.test("DeliveryLog.beginAnew() has the next stream tell of an outage and of its end, and the last none", () => {
  const { log, logger } = open();
  log.retrying(retry(1, { streamId: "chunk", peer: "state" }));
  log.stalled("log", "the same page again");
  log.beginAnew();
  log.retrying(retry(1, { peer: "state" }));
  log.recovered("log", "state", 1);
  log.recovered("log", "source", 1);
  assert.deepEqual(logger.records.map(({ level, message }) => `${level}: ${message}`), [
    "warning: Storage is not available, trying again: connection refused",
    "warning: No progress: the same page again",
    "warning: Storage is not available, trying again: connection refused",
    "info: Storage is available again",
    "info: Teleport is available again",
  ]);
});

Deno.test("DeliveryLog tells what waiting will not heal as an error that needs attention", () => {
  const { log, logger } = open();
  for (let attempt = 1; attempt <= 4; attempt++) {
    log.retrying(retry(attempt, { lasting: true, reason: "wrong URL" }));
  }
  const told = logger.find({ level: "error" });
  assert.deepEqual(told.map((record) => record.fields["attempt"]), [1, 2, 4]);
  assert.equal(told[0]!.message, "Fluentd needs attention, trying again: wrong URL");
});

Deno.test("DeliveryLog tells the same reason again in the next outage, and for each peer and stream", () => {
  const { log, logger } = open();
  log.retrying(retry(3));
  log.recovered("log", "receiver", 3);
  log.retrying(retry(3));
  log.retrying(retry(3, { peer: "source" }));
  log.retrying(retry(3, { streamId: "session/1" }));
  assert.equal(logger.find({ level: "warning" }).length, 4);
});

Deno.test("DeliveryLog tells an outage that many chunks meet once, and its end once", () => {
  const { log, logger } = open();
  const chunks = ["a", "b", "c", "d", "e"].map((chunk) => `chunk/2026-01-01/${chunk}`);
  for (let attempt = 1; attempt <= 8; attempt++) {
    for (const streamId of chunks) log.retrying(retry(attempt, { streamId }));
  }
  const told = logger.find({ level: "warning" });
  assert.deepEqual(told.map(({ fields }) => [fields["stream"], fields["attempt"]]), [
    [chunks[0], 1],
    [chunks[0], 2],
    [chunks[0], 4],
    [chunks[0], 8],
  ]);
  assert.equal(logger.find({ level: "debug" }).length, 36);
  for (const streamId of [...chunks].reverse()) log.recovered(streamId, "receiver", 8);
  assert.deepEqual(logger.find({ level: "info" }).map(({ fields }) => fields["stream"]), [
    chunks[0],
  ]);
});

Deno.test("DeliveryLog tells a reason that another chunk meets, and an outage whose chunk is set aside", () => {
  const { log, logger } = open();
  const [a, b] = ["chunk/2026-01-01/a", "chunk/2026-01-01/b"];
  log.retrying(retry(1, { streamId: a }));
  log.retrying(retry(3, { streamId: b, reason: "HTTP 503" }));
  log.parked({ streamId: a, peer: "source", reason: "Not found", attempt: 1, delayMs: 1000 });
  log.retrying(retry(4, { streamId: b, reason: "HTTP 503" }));
  assert.deepEqual(
    logger.find({ level: "warning" }).map(({ fields }) => [fields["stream"], fields["attempt"]]),
    [[a, 1], [b, 3], [b, 4]],
  );
});

Deno.test("DeliveryLog.rejected() tells which event was quarantined and why", () => {
  const { log, logger } = open();
  log.rejected({ streamId: "log", event: makeEvent("bad"), reason: "HTTP 400: invalid time" });
  assert.deepEqual(logger.records, [{
    level: "error",
    message: "Event quarantined",
    fields: {
      id: "bad",
      ts: EVENT_TIME,
      type: "test",
      stream: "log",
      reason: "HTTP 400: invalid time",
    },
  }]);
});

Deno.test("DeliveryLog.delivered() tells the events of a backlog at debug alone", () => {
  const { log, logger } = open();
  for (let i = 0; i < 10; i++) log.delivered("log", makeEvents(50), true);
  assert.deepEqual(logger.find({ level: "info" }), []);
  assert.equal(logger.find({ level: "debug", message: "Event sent" }).length, 500);
});

const CAUGHT_UP = "Caught up with the audit log, waiting for new events";

Deno.test("DeliveryLog.caughtUp() says that it waits, and how many were sent", () => {
  const { log, logger } = open();
  log.delivered("log", makeEvents(7), true);
  log.caughtUp("log");
  assert.deepEqual(logger.find({ level: "info" }), [
    { level: "info", message: CAUGHT_UP, fields: { stream: "log", sent: 7 } },
  ]);
});

Deno.test("DeliveryLog.caughtUp() is told once, though each look finds a few pages of news", async () => {
  const { clock, log, logger } = open();
  for (let i = 0; i < 100; i++) {
    log.delivered("log", makeEvents(500), true);
    await clock.advance(2000);
    log.delivered("log", makeEvents(3), false);
    log.caughtUp("log");
    await clock.advance(5000);
  }
  assert.equal(logger.find({ message: CAUGHT_UP }).length, 1);
});

/** After what it is told again. */
const INTERRUPTIONS: readonly [string, (rig: ReturnType<typeof open>) => Promise<void> | void][] = [
  ["a stall", ({ log }) => log.stalled("log", "nothing new")],
  ["an outage of Teleport", ({ log }) => log.retrying(retry(1, { peer: "source" }))],
  ["an outage of Fluentd", ({ log }) => log.retrying(retry(1))],
  ["a backlog of ten seconds", async ({ clock, log }) => {
    log.delivered("log", makeEvents(500), true);
    await clock.advance(10_000);
  }],
];

for (const [what, interrupt] of INTERRUPTIONS) {
  Deno.test(`DeliveryLog.caughtUp() is told again after ${what}`, async () => {
    const rig = open();
    rig.log.caughtUp("log");
    await interrupt(rig);
    for (let i = 0; i < 3; i++) rig.log.caughtUp("log");
    assert.equal(rig.logger.find({ message: CAUGHT_UP }).length, 2);
  });
}

Deno.test("DeliveryLog.caughtUp() is not told for a chunk or a recording, nor again for their troubles", () => {
  const { log, logger } = open();
  log.caughtUp("bulk");
  log.retrying(retry(1, { streamId: "session/a1" }));
  for (const stream of ["chunk/2026-01-01/a", "session/a1", "bulk"]) log.caughtUp(stream);
  assert.equal(logger.find({ message: CAUGHT_UP }).length, 1);
});

Deno.test("DeliveryLog.finish() writes the totals of the run", () => {
  const { log, logger } = open("Event would be sent");
  log.delivered("log", makeEvents(2), false);
  log.delivered("log", makeEvents(5), true);
  log.filtered("log", 3);
  log.filtered("log", 1);
  log.rejected({ streamId: "log", event: makeEvent("bad"), reason: "no" });
  log.finish();
  assert.deepEqual(logger.records.at(-1), {
    level: "info",
    message: "Stopped",
    fields: { sent: 7, skipped: 4, quarantined: 1 },
  });
});

Deno.test("DeliveryLog tells of a session recording once, when all of it was sent", () => {
  const { log, logger } = open();
  log.delivered("session/a1", makeEvents(200), true);
  log.delivered("session/b2", makeEvents(7), true);
  log.delivered("session/a1", makeEvents(50), true);
  log.finished("session/a1");
  log.finished("chunk/2026-01-01/c");
  assert.deepEqual(logger.records, [
    { level: "info", message: "Session recording sent", fields: { id: "a1", events: 250 } },
  ]);
});

Deno.test("DeliveryLog tells of a stream that is set aside, and counts those that are given up", () => {
  const { log, logger } = open();
  const parked = { streamId: "session/a1", peer: "source", attempt: 2, delayMs: 30_000 } as const;
  log.parked({ ...parked, reason: "Not found" });
  log.abandoned("session/a1", "Not found");
  log.finish();
  assert.deepEqual(logger.records[0], {
    level: "info",
    message: "Set aside for another try: Not found",
    fields: { stream: "session/a1", peer: "teleport", attempt: 2, next_try: "30s" },
  });
  assert.deepEqual(logger.records[1], {
    level: "error",
    message: "Given up: Not found",
    fields: { stream: "session/a1" },
  });
  assert.equal(logger.records[2]!.fields["given_up"], 1);
});

Deno.test("DeliveryLog tells once a minute of a stream that is set aside again and again for one reason", async () => {
  const { clock, log, logger } = open();
  const parked = { streamId: "chunk/1/a", peer: "source", attempt: 1, delayMs: 500 } as const;
  const infos = () => logger.records.filter(({ level }) => level === "info").length;
  for (let n = 0; n < 50; n++) log.parked({ ...parked, reason: "Broken" });
  assert.equal(infos(), 1);
  log.parked({ ...parked, streamId: "chunk/1/b", reason: "Broken" });
  log.parked({ ...parked, reason: "Gone" });
  assert.equal(infos(), 3);
  await clock.advance(60_000);
  log.parked({ ...parked, reason: "Gone" });
  assert.equal(infos(), 4);
});

Deno.test("DeliveryLog does not flood the log with the last piece of a backlog", () => {
  const { log, logger } = open();
  log.delivered("log", makeEvents(500), true);
  log.delivered("log", makeEvents(300, 500), false);
  log.caughtUp("log");
  assert.equal(logger.find({ message: /^Event sent$/, level: "info" }).length, 0);
  assert.match(logger.text, /"sent":800/);
});

Deno.test("DeliveryLog tells of a stall as a warning, and of its end", () => {
  const { log, logger } = open();
  log.stalled("log", "Teleport has newer events and does not give them");
  log.recovered("log", "source", 3);
  log.recovered("log", "source", 1);
  assert.deepEqual(logger.records, [
    {
      level: "warning",
      message: "No progress: Teleport has newer events and does not give them",
      fields: { stream: "log" },
    },
    { level: "info", message: "Progress again", fields: { stream: "log", failed_attempts: 3 } },
    {
      level: "info",
      message: "Teleport is available again",
      fields: { stream: "log", failed_attempts: 1 },
    },
  ]);
});
