import assert from "node:assert/strict";

/** An event as it must arrive: its id, its place in the order, and its whole payload. */
export interface ExpectedEvent {
  readonly id: string;
  readonly body: unknown;
}

/** What a comparison of a server's log with what arrived found. */
export interface Judgement {
  /** How many records arrived more than once, every further arrival counted. */
  readonly repeats: number;
}

/**
 * Compares what exists with what arrived: nothing missing, nothing unknown, every payload equal, and
 * the first arrivals in the order of the log.
 *
 * @throws {assert.AssertionError} that says which of these does not hold.
 */
export function judge(
  expected: readonly ExpectedEvent[],
  records: readonly { readonly [key: string]: unknown }[],
): Judgement {
  const bodies = new Map(expected.map((event) => [event.id, event.body]));
  const arrived = new Set<string>();
  for (const record of records) {
    const id = String(record["uid"]);
    assert.ok(bodies.has(id), `Unknown event arrived: ${JSON.stringify(record).slice(0, 300)}`);
    if (!arrived.has(id)) assert.deepEqual(record, bodies.get(id));
    arrived.add(id);
  }
  const missing = expected.filter((event) => !arrived.has(event.id));
  assert.equal(
    missing.length,
    0,
    `${missing.length} events are missing, such as ${missing[0]?.id}`,
  );
  assert.deepEqual([...arrived], expected.map((event) => event.id), "The order was not kept");
  return { repeats: records.length - arrived.size };
}
