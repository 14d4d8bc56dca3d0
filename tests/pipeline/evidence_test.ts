import assert from "node:assert/strict";
import { NothingToCompare } from "../../src/pipeline/deliver_batch.ts";
import { Evidence } from "../../src/pipeline/evidence.ts";
import { makeEvent, makeEvents } from "../support/pipeline_ports.ts";
import { deliver, DELIVERED, FAILED, refuse, REJECTED } from "./delivery_rig.ts";

Deno.test("BatchDelivery.deliver() blames the end of one stream on what was taken before, and the next only on what was taken since", async () => {
  const evidence = new Evidence();
  await deliver([makeEvent("good")], () => DELIVERED, { more: "ended", evidence });
  const ends = ["a", "b", "c"].map((id) =>
    deliver([makeEvent(id)], () => REJECTED, { more: "ended", evidence })
  );
  const [first, ...others] = await Promise.all(ends);
  assert.deepEqual(first!.quarantine.ids, ["a"]);
  for (const { error, observer, quarantine } of others) {
    assert.match(error.message, /still trying/);
    assert.deepEqual(quarantine.ids, []);
    assert.equal(observer.retries.at(-1)!.lasting, true);
  }
  await deliver([makeEvent("good")], () => DELIVERED, { more: "ended", evidence });
  const later = await deliver([makeEvent("d")], () => REJECTED, { more: "ended", evidence });
  assert.deepEqual(later.quarantine.ids, ["d"]);
});

Deno.test("BatchDelivery.deliver() blames the ends of several streams where no others will come", async () => {
  const evidence = new Evidence({ maxEnds: 3 });
  await deliver([makeEvent("good")], () => DELIVERED, { more: "ended", evidence });
  const blamed: string[] = [];
  for (const id of ["a", "b", "c", "d", "e"]) {
    const { quarantine } = await deliver([makeEvent(id)], () => REJECTED, {
      more: "ended",
      evidence,
    });
    blamed.push(...quarantine.ids);
  }
  assert.deepEqual(blamed, ["a", "b", "c"]);
});

Deno.test("BatchDelivery.deliver() blames no event because reading was broken off, and tells how far it got", async () => {
  const { error, quarantine, settledCount } = await deliver(
    makeEvents(5),
    refuse(["e3", "e4"]),
    { more: "broken off" },
  );
  assert.ok(error instanceof NothingToCompare);
  assert.deepEqual(quarantine.ids, []);
  assert.equal(settledCount, 3);
});

Deno.test("BatchDelivery.deliver() holds no failing event for a comparison that cannot come when reading was broken off", async () => {
  const { error, quarantine } = await deliver([makeEvent("a")], () => FAILED, {
    more: "broken off",
  });
  assert.ok(error instanceof NothingToCompare);
  assert.deepEqual(quarantine.ids, []);
});
