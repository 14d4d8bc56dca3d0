import assert from "node:assert/strict";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { Fault } from "../../src/core/fault.ts";
import { encodeLogPosition, startOfLog } from "../../src/teleport/log_position.ts";
import { LogStream, type LogStreamOptions } from "../../src/teleport/log_stream.ts";
import {
  AuditLog,
  type AuditLogOptions,
  type LogPage,
  type PageQuery,
} from "../support/audit_log.ts";
import { buildEvent, buildEvents, FIRST_EVENT_MS } from "../support/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { LogClient } from "../support/log_client.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const STALL_MS = 5 * MINUTE_MS;
const START = encodeLogPosition(startOfLog(FIRST_EVENT_MS));

/** A server that reads as the test says. */
class OddLog extends AuditLog {
  readonly #change: (page: LogPage, query: PageQuery) => LogPage;

  constructor(change: (page: LogPage, query: PageQuery) => LogPage, options?: AuditLogOptions) {
    super(options);
    this.#change = change;
  }

  override readPage(query: PageQuery): LogPage {
    return this.#change(super.readPage(query), query);
  }
}

function openRig(log: AuditLog, options: Partial<LogStreamOptions> = {}) {
  const clock = new FakeClock(FIRST_EVENT_MS + 5 * DAY_MS);
  const client = new LogClient(log);
  /** What was told, in order. */
  const told: string[] = [];
  const stream = new LogStream({
    auditLog: client as unknown as LogStreamOptions["auditLog"],
    clock,
    types: [],
    windowMs: DAY_MS,
    pollMs: 30_000,
    lookbackMs: 0,
    endWhenCaughtUp: true,
    stallMs: STALL_MS,
    onStalled: (reason) => told.push(`stalled: ${reason}`),
    onMoving: () => told.push("moving"),
    onPassedOver: (reason) => told.push(`passed over: ${reason}`),
    ...options,
  });
  return { client, clock, stream, told, position: START };
}

/** Reads to the end, from where the last reading broke off, moving the clock while the stream waits. */
async function readAll(rig: ReturnType<typeof openRig>): Promise<string[]> {
  const { clock, stream } = rig;
  const ids: string[] = [];
  let isDone = false;
  const reading = (async () => {
    for await (const page of stream.read(rig.position, new AbortController().signal)) {
      ids.push(...page.events.map((event) => event.id));
      rig.position = page.position;
    }
  })().finally(() => isDone = true);
  reading.catch(() => {});
  while (!isDone) await clock.advance(clock.nextWakeMs ?? 0);
  await reading;
  return ids;
}

const WHEN = /2\d{3}-\d\d-\d\dT[\d:.]+Z/g;

for (const atTooLarge of ["end", "same key", "first key"] as const) {
  Deno.test(`LogStream tells of a server that stops at a large event (${atTooLarge}), reads around it, and loses and repeats no other`, async () => {
    const events = buildEvents({ count: 400, spanMs: 3 * DAY_MS });
    const large = events[123]!.id;
    const log = new AuditLog({ isTooLarge: ({ id }) => id === large, atTooLarge });
    log.append(events);
    const rig = openRig(log);
    const ids = await readAll(rig);
    assert.deepEqual(ids, log.events.map(({ id }) => id).filter((id) => id !== large));
    assert.equal(rig.told.length, 3, rig.told.join("\n"));
    assert.match(rig.told[0]!, /^stalled: Teleport has an event of .* and gives none after /);
    assert.match(rig.told[0]!, /1 MiB.*upgrade/);
    const at = log.events.findIndex(({ id }) => id === large);
    const [from, to] = rig.told[1]!.match(WHEN)!.map((time) => Date.parse(time));
    assert.equal(from, Math.floor(log.events[at - 1]!.timeMs / 1000) * 1000);
    assert.equal(to, log.events[at + 1]!.timeMs);
    assert.equal(rig.told[2], "moving");
    // Patience first: nothing is passed over before its time. And no loop without a pause.
    assert.ok(rig.clock.monotonicMs() >= STALL_MS);
    assert.ok(rig.client.queries.length < 500, `${rig.client.queries.length} calls`);
  });
}

Deno.test("LogStream loses nothing but large events, or tells of the time in which it may", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        count: fc.integer({ min: 3, max: 80 }),
        sameTime: fc.integer({ min: 1, max: 9 }),
        seed: fc.nat(),
      }),
      fc.array(fc.nat({ max: 79 }), { minLength: 1, maxLength: 4 }),
      fc.constantFrom("end", "same key", "first key"),
      fc.integer({ min: 1, max: 20 }),
      async (shape, places, atTooLarge, pageSize) => {
        const events = buildEvents({ ...shape, spanMs: 4 * DAY_MS });
        const large = new Set(places.map((place) => events[place % events.length]!.id));
        const log = new AuditLog({ isTooLarge: ({ id }) => large.has(id), atTooLarge });
        log.append(events);
        // A last one to be seen from the end.
        log.append([buildEvent({ timeMs: FIRST_EVENT_MS + 4.5 * DAY_MS })]);
        const rig = openRig(log, { pageSize });
        const ids = new Set(await readAll(rig));
        assert.ok(rig.client.queries.length < 5000, "no loop");
        const gaps = rig.told.filter((text) => text.startsWith("passed over"))
          .map((text) => text.match(WHEN)!.map((time) => Date.parse(time)));
        const isToldOf = (timeMs: number) =>
          gaps.some(([from, to]) => timeMs >= from! && timeMs <= to!);
        const got = log.events.filter(({ id }) => ids.has(id));
        assert.deepEqual([...ids], got.map(({ id }) => id), "order, and each once");
        for (const { id, timeMs } of log.events) {
          assert.ok(ids.has(id) || isToldOf(timeMs), `${id} of ${timeMs} is missing`);
        }
        const missing = log.events.length - ids.size;
        if (large.size === 1) assert.equal(missing, 1);
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("LogStream recovers from a server that gives nothing in order any more, and forwards all", async () => {
  const events = buildEvents({ count: 60, spanMs: HOUR_MS });
  const log = new OddLog((page, { order }) => {
    if (order === 1) return page;
    const items = page.items.filter(({ event }) => event.timeMs < events[50]!.timeMs);
    return { items, lastKey: items.length < page.items.length ? "" : page.lastKey };
  });
  log.append(events);
  const rig = openRig(log);
  assert.deepEqual(await readAll(rig), log.events.map(({ id }) => id));
  assert.equal(rig.told.filter((text) => text.startsWith("stalled")).length, 1);
  assert.equal(rig.told.at(-1), "moving");
});

Deno.test("LogStream reads again, says nothing and passes nothing over when a server gives events a little later", async () => {
  const events = buildEvents({ count: 60, spanMs: HOUR_MS });
  let isBehind = true;
  const log = new OddLog((page, { order }) => {
    if (order === 1 || !isBehind) return page;
    const items = page.items.filter(({ event }) => event.timeMs < events[30]!.timeMs);
    return { items, lastKey: items.length < page.items.length ? "" : page.lastKey };
  });
  log.append(events);
  const rig = openRig(log);
  const reading = readAll(rig);
  await rig.clock.waitForSleepers();
  isBehind = false;
  assert.deepEqual(await reading, log.events.map(({ id }) => id));
  assert.deepEqual(rig.told, []);
});

Deno.test("LogStream says nothing when a server that gives events a little later was away for an hour meanwhile", async () => {
  const events = buildEvents({ count: 60, spanMs: HOUR_MS });
  let readsInVain = 0;
  const log = new OddLog((page, { order }) => {
    const items = page.items.filter(({ event }) => event.timeMs < events[30]!.timeMs);
    if (order === 1 || items.length === page.items.length || readsInVain === 3) return page;
    readsInVain++;
    return { items, lastKey: "" };
  });
  log.append(events);
  const rig = openRig(log);
  const before = readAll(rig);
  await rig.clock.waitForSleepers();
  rig.client.failures.push(new ConnectError("away", Code.Unavailable));
  await assert.rejects(before, Fault);
  assert.equal(readsInVain, 1);
  await rig.clock.advance(HOUR_MS);
  assert.deepEqual(await readAll(rig), log.events.slice(30).map(({ id }) => id));
  assert.equal(readsInVain, 3);
  assert.deepEqual(rig.told, []);
});

Deno.test("LogStream gives each event once when the server repeats a page under new keys, and ends", async () => {
  const events = buildEvents({ count: 100, spanMs: HOUR_MS });
  let calls = 0;
  const log = new OddLog((page, { limit }) =>
    limit === 1 ? page : { ...page, lastKey: `key ${++calls}` }
  );
  log.append(events);
  const read = log.readPage.bind(log);
  log.readPage = (query) => read({ ...query, startKey: "" });
  const rig = openRig(log, { pageSize: 500 });
  assert.deepEqual(await readAll(rig), log.events.map(({ id }) => id));
  assert.deepEqual(rig.told, []);
});

Deno.test("LogStream gives each event once, and again none, when events have no id", async () => {
  const log = new AuditLog();
  const clock = new FakeClock(FIRST_EVENT_MS + HOUR_MS);
  const blanks = [1, 2, 3].map((n) => ({
    ...buildEvent({ timeMs: clock.nowMs() - n * 1000 }),
    id: n === 2 ? "" : " ",
  }));
  log.append(blanks);
  const rig = openRig(log, {
    clock,
    endWhenCaughtUp: false,
    lookbackMs: STALL_MS,
    pollMs: 5000,
  });
  const stop = new AbortController();
  const ids: string[] = [];
  const reading = (async () => {
    for await (const page of rig.stream.read(START, stop.signal)) {
      ids.push(...page.events.map((event) => event.id));
    }
  })().catch(() => {});
  for (let poll = 0; poll < 100; poll++) {
    await clock.waitForSleepers();
    await clock.advance(5000);
  }
  // One comes late, among those that were given: it is it that is given, not another one twice.
  log.append([{ ...buildEvent({ timeMs: clock.nowMs() - 1000 }), id: "" }]);
  await clock.waitForSleepers();
  await clock.advance(5000);
  await clock.waitForSleepers();
  stop.abort();
  await reading;
  assert.equal(ids.length, 4);
  assert.equal(new Set(ids).size, 4);
  assert.ok(ids.every((id) => /^sha256-[0-9a-f]{32}$/.test(id)));
  assert.deepEqual(rig.told, []);
});

Deno.test("LogStream looks at the newest event once a minute while none comes, and goes on after a stall", async () => {
  const log = new AuditLog({ isTooLarge: ({ id }) => id === "large" });
  const clock = new FakeClock(FIRST_EVENT_MS + HOUR_MS);
  log.append([buildEvent({ id: "first", timeMs: FIRST_EVENT_MS })]);
  const rig = openRig(log, {
    clock,
    endWhenCaughtUp: false,
    lookbackMs: STALL_MS,
    pollMs: 5000,
  });
  const stop = new AbortController();
  const ids: string[] = [];
  const reading = (async () => {
    for await (const page of rig.stream.read(START, stop.signal)) {
      ids.push(...page.events.map((event) => event.id));
    }
  })().catch(() => {});
  const pollFor = async (ms: number) => {
    for (let left = ms; left > 0; left -= 5000) {
      await clock.waitForSleepers();
      await clock.advance(5000);
    }
    await clock.waitForSleepers();
  };
  await pollFor(10 * MINUTE_MS);
  const looks = rig.client.queries.filter(({ order }) => order === 1).length;
  assert.ok(looks >= 9 && looks <= 12, `${looks} looks at the newest event in ten minutes`);
  assert.deepEqual(ids, ["first"]);
  log.append([buildEvent({ id: "large", timeMs: clock.nowMs() })]);
  log.append([buildEvent({ id: "second", timeMs: clock.nowMs() + 1500 })]);
  await pollFor(STALL_MS + 2 * MINUTE_MS);
  assert.deepEqual(ids, ["first", "second"]);
  assert.equal(rig.told.length, 3, rig.told.join("\n"));
  // New ones come as ever.
  log.append([buildEvent({ id: "third", timeMs: clock.nowMs() })]);
  await pollFor(5000);
  assert.deepEqual(ids, ["first", "second", "third"]);
  assert.equal(rig.told.length, 3);
  stop.abort();
  await reading;
});

Deno.test("LogStream does not leap to the present past events that the server gives from the end only", async () => {
  const events = buildEvents({ count: 30, startMs: FIRST_EVENT_MS + 3 * DAY_MS, spanMs: HOUR_MS });
  const large = events[0]!.id;
  const log = new AuditLog({ isTooLarge: ({ id }) => id === large });
  log.append(events);
  const rig = openRig(log, { windowMs: 6 * HOUR_MS });
  assert.deepEqual(await readAll(rig), log.events.map(({ id }) => id).slice(1));
});
