import assert from "node:assert/strict";
import fc from "fast-check";
import type { Delivery } from "../../src/core/delivery.ts";
import type { AuditEvent } from "../../src/core/event.ts";
import { Fault } from "../../src/core/fault.ts";
import { BatchDelivery } from "../../src/pipeline/deliver_batch.ts";
import { Evidence } from "../../src/pipeline/evidence.ts";
import { FakeClock } from "../support/fake_clock.ts";
import {
  makeEvent,
  makeEvents,
  MemoryQuarantine,
  RecordingObserver,
  ScriptedSink,
} from "../support/pipeline_ports.ts";
import { deliver, DELIVERED, FAILED, refuse, REJECTED } from "./delivery_rig.ts";

Deno.test("BatchDelivery.deliver() sends a batch as one request", async () => {
  const { sink, observer } = await deliver(makeEvents(500), () => DELIVERED);
  assert.deepEqual(sink.requests, [500]);
  assert.equal(observer.deliveredIds.length, 500);
});

Deno.test("BatchDelivery.deliver() tries again, at growing intervals, for as long as the receiver is away", async () => {
  let attempts = 0;
  const { sink, observer } = await deliver(
    makeEvents(3),
    () => ++attempts < 30 ? { kind: "retry", reason: "HTTP 503" } : DELIVERED,
  );
  assert.deepEqual(sink.accepted, ["e0", "e1", "e2"]);
  assert.deepEqual(sink.requests, Array(30).fill(3));
  assert.ok(observer.retries.at(-1)!.delayMs >= 2500);
  assert.ok(observer.retries.every((retry) => retry.delayMs <= 5000));
  assert.deepEqual(observer.recoveries, [{ peer: "receiver", attempts: 29 }]);
});

Deno.test("BatchDelivery.deliver() waits as long as the receiver asks", async () => {
  let attempts = 0;
  const { observer } = await deliver(
    makeEvents(1),
    () => ++attempts === 1 ? { kind: "retry", reason: "HTTP 429", afterMs: 7000 } : DELIVERED,
  );
  assert.deepEqual(observer.retries.map((retry) => retry.delayMs), [7000]);
});

Deno.test("BatchDelivery.deliver() finds the event that is refused and delivers all others in order", async () => {
  const events = makeEvents(500);
  const { sink, quarantine } = await deliver(events, refuse(["e123"]));
  assert.deepEqual(quarantine.ids, ["e123"]);
  assert.equal(quarantine.rejected[0]!.reason, "HTTP 400");
  assert.deepEqual(sink.accepted, events.map((e) => e.id).filter((id) => id !== "e123"));
  assert.ok(sink.requests.length <= 2 * 10);
});

Deno.test("BatchDelivery.deliver() delivers or quarantines each event once, in order, whatever is refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 64 }),
      fc.array(fc.nat(63), { maxLength: 15 }),
      async (count, picks) => {
        const poison = picks.map((pick) => `e${pick % count}`);
        const events = makeEvents(count);
        const good = events.map((e) => e.id).filter((id) => !poison.includes(id));
        const { sink, quarantine } = await deliver(
          events,
          refuse(poison),
          { more: () => [makeEvent("more")] },
        );
        assert.deepEqual(sink.accepted.filter((id) => id !== "more"), good);
        assert.deepEqual(quarantine.ids, [
          ...new Set(events.map((e) => e.id).filter((id) => poison.includes(id))),
        ]);
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("BatchDelivery.deliver() quarantines nothing when the receiver refuses everything", async () => {
  const { sink, quarantine, observer, error } = await deliver(makeEvents(100), () => REJECTED);
  assert.deepEqual(quarantine.ids, []);
  assert.deepEqual(sink.accepted, []);
  assert.ok(observer.retries.every((retry) => retry.lasting));
  const { reason } = observer.retries.at(-1)!;
  assert.equal(reason, "every event is refused (HTTP 400); look at <parse>");
  assert.match(error.message, /still trying/);
});

Deno.test("BatchDelivery.deliver() delivers everything once the receiver is set right, with what was refused meanwhile", async () => {
  let requests = 0;
  const { sink, quarantine } = await deliver(
    makeEvents(100),
    () => ++requests < 60 ? REJECTED : DELIVERED,
  );
  assert.deepEqual(quarantine.ids, []);
  // The one that shows it comes first, and then those that were refused before.
  const [proof, ...others] = sink.accepted;
  assert.equal(proof, "e6");
  assert.deepEqual(others, makeEvents(100).map(({ id }) => id).filter((id) => id !== proof));
});

Deno.test("BatchDelivery.deliver() asks for more events to learn whether a lone one is at fault", async () => {
  const { sink, quarantine } = await deliver(
    [makeEvent("bad")],
    refuse(["bad"]),
    { more: () => [makeEvent("good")] },
  );
  assert.deepEqual(quarantine.ids, ["bad"]);
  assert.deepEqual(sink.accepted, ["good"]);
});

Deno.test("BatchDelivery.deliver() holds a lone refused event back while nothing else is there to compare", async () => {
  const { quarantine, observer, error } = await deliver(
    [makeEvent("bad")],
    refuse(["bad"]),
    { more: "waiting" },
  );
  assert.deepEqual(quarantine.ids, []);
  assert.ok(observer.retries.length > 2);
  assert.equal(
    observer.retries.at(-1)!.reason,
    "an event is refused, and there is no other yet to compare it with (HTTP 400); look at <parse>",
  );
  assert.match(error.message, /still trying/);
});

Deno.test("BatchDelivery.deliver() quarantines the last event of a stream when others were taken before", async () => {
  const { quarantine, error } = await deliver(
    [makeEvent("good"), makeEvent("bad")],
    refuse(["bad"]),
    { more: "ended" },
  );
  assert.equal(error, undefined);
  assert.deepEqual(quarantine.ids, ["bad"]);
});

Deno.test("BatchDelivery.deliver() narrows a server error that repeats for the same events", async () => {
  const events = makeEvents(32);
  const answer = refuse(["e7"], FAILED);
  const { sink, quarantine } = await deliver(events, answer);
  assert.deepEqual(quarantine.ids, ["e7"]);
  assert.deepEqual(sink.accepted, events.map((e) => e.id).filter((id) => id !== "e7"));
});

Deno.test("BatchDelivery.deliver() quarantines nothing in an outage of server errors, and keeps the order", async () => {
  let requests = 0;
  const events = makeEvents(20);
  const { sink, quarantine } = await deliver(
    events,
    () => ++requests < 100 ? { kind: "retry", reason: "HTTP 500", suspect: true } : DELIVERED,
  );
  assert.deepEqual(quarantine.ids, []);
  assert.deepEqual(sink.accepted, events.map((event) => event.id));
});

Deno.test("BatchDelivery.deliver() puts an event without a payload into quarantine and sends it nowhere", async () => {
  const broken: AuditEvent = {
    ...makeEvent("broken", { json: "" }),
    defect: { reason: "Payload is not a well-formed Struct", raw: new Uint8Array([1]) },
  };
  const { sink, quarantine } = await deliver(
    [makeEvent("a"), broken, makeEvent("b")],
    () => DELIVERED,
  );
  assert.deepEqual(sink.accepted, ["a", "b"]);
  assert.equal(quarantine.rejected[0]!.reason, "Payload is not a well-formed Struct");
});

Deno.test("BatchDelivery.deliver() waits until the quarantine can be written", async () => {
  const clock = new FakeClock();
  const quarantine = new MemoryQuarantine();
  quarantine.failures = 2;
  const observer = new RecordingObserver();
  const signal = new AbortController().signal;
  const delivery = new BatchDelivery({
    streamId: "test",
    sink: new ScriptedSink(refuse(["bad"])),
    quarantine,
    observer,
    clock,
    stop: signal,
    abort: signal,
  });
  const delivering = delivery.deliver([makeEvent("good"), makeEvent("bad")], true, () => "ended");
  for (let i = 0; i < 2; i++) {
    await clock.waitForSleepers();
    await clock.advance(clock.nextWakeMs!);
  }
  await delivering;
  assert.deepEqual(quarantine.ids, ["bad"]);
  assert.deepEqual(
    observer.retries.map(({ lasting, peer }) => [peer, lasting]),
    [["state", true], ["state", true]],
  );
});

Deno.test("BatchDelivery.deliver() reports a wrong setting as lasting and tries slowly", async () => {
  let requests = 0;
  const { sink, observer } = await deliver(
    makeEvents(2),
    () =>
      ++requests < 4
        ? { kind: "misconfigured", reason: "no such path", remedy: "check the URL" }
        : DELIVERED,
  );
  assert.ok(observer.retries.every((retry) => retry.lasting && retry.delayMs >= 1000));
  assert.equal(observer.retries[0]!.reason, "no such path; check the URL");
  assert.deepEqual(sink.accepted, ["e0", "e1"]);
});

Deno.test("BatchDelivery.deliver() waits out what has nothing to do with a suspect before it judges it", async () => {
  const others: Delivery[] = [
    { kind: "retry", reason: "connection refused" },
    { kind: "retry", reason: "HTTP 503", afterMs: 1000 },
    { kind: "misconfigured", reason: "HTTP 404" },
  ];
  let isGoodTaken = false;
  const { sink, quarantine } = await deliver([makeEvent("slow"), makeEvent("good")], (events) => {
    if (events.some(({ id }) => id === "slow")) {
      return isGoodTaken ? others.shift() ?? DELIVERED : FAILED;
    }
    isGoodTaken = true;
    return DELIVERED;
  });
  assert.deepEqual(quarantine.ids, []);
  assert.deepEqual(sink.accepted, ["good", "slow"]);
});

function makeDefect(id: string): AuditEvent {
  const defect = { reason: "Not a Struct", raw: new Uint8Array([1]) };
  return { ...makeEvent(id, { json: "" }), defect };
}

for (
  const [what, bad] of [
    ["is refused", makeEvent("e13")],
    ["has no payload", makeDefect("e13")],
  ] as const
) {
  Deno.test(`BatchDelivery.deliver() that halts ends before the event that ${what}, and sends nothing behind it`, async () => {
    const events = makeEvents(30).with(13, bad);
    const { error, observer, quarantine, settledCount, sink } = await deliver(
      events,
      refuse(["e13"]),
      { more: "waiting", haltOnRejected: true },
    );
    assert.ok(error instanceof Fault);
    assert.equal(error.kind, "rejected");
    assert.match(
      error.text,
      /^The event 'e13' \(test, 2026-01-01 00:00:00 \+0000 UTC\) is refused: (HTTP 400|Not a Struct)\. .*--on-rejected quarantine/,
    );
    assert.deepEqual(sink.accepted, events.slice(0, 13).map(({ id }) => id));
    assert.equal(settledCount, 13);
    assert.deepEqual([quarantine.ids, observer.rejectedIds], [[], []]);
  });
}

Deno.test("BatchDelivery.deliver() that halts waits out an outage of server errors as ever", async () => {
  let requests = 0;
  const { error, sink } = await deliver(
    makeEvents(20),
    () => ++requests < 50 ? FAILED : DELIVERED,
    { more: "waiting", haltOnRejected: true },
  );
  assert.equal(error, undefined);
  assert.equal(sink.accepted.length, 20);
});

Deno.test("BatchDelivery.deliver() that halts tells how far it got without a gap, when an event fails that others overtook", async () => {
  const { error, settledCount } = await deliver(
    makeEvents(8),
    refuse(["e2"], FAILED),
    { more: "waiting", haltOnRejected: true },
  );
  assert.match(error.message, /^The event 'e2' .* HTTP 500$/);
  assert.equal(settledCount, 2);
});

Deno.test("BatchDelivery.deliver() quarantines the only event of a stream that ends when another stream was taken from", async () => {
  const evidence = new Evidence();
  await deliver([makeEvent("good")], () => DELIVERED, { more: "ended", evidence });
  const { error, quarantine } = await deliver([makeEvent("bad")], () => REJECTED, {
    more: "ended",
    evidence,
  });
  assert.equal(error, undefined);
  assert.deepEqual(quarantine.ids, ["bad"]);
});

Deno.test("BatchDelivery.deliver() takes what other streams got accepted before a refusal for no evidence", async () => {
  const evidence = new Evidence();
  evidence.noteAccepted();
  let looks = 0;
  const { error, quarantine, sink } = await deliver(
    [makeEvent("bad")],
    () => REJECTED,
    {
      more: () => {
        // Another stream has an event accepted after the third refusal.
        if (++looks === 3) evidence.noteAccepted();
        return "waiting";
      },
      evidence,
    },
  );
  assert.equal(error, undefined);
  assert.deepEqual(sink.requests, [1, 1, 1, 1]);
  assert.deepEqual(quarantine.ids, ["bad"]);
});
